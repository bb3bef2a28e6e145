// SPDX-License-Identifier: Apache-2.0
// The emulated device finds what it promises to find.
#include "tests/trainer/kernels/cuda/emulation/cuda_bf16.h"
#include "tests/trainer/kernels/cuda/emulation/machine.hpp"

#include "tests/support/catch.hpp"

namespace {

void launch(void (*kernel)(int*), int blocks, int threads, int* out, std::size_t shared_bytes = 0) {
  cudaLaunchConfig_t config;
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = shared_bytes;
  const cudaError_t error = cudaLaunchKernelEx(&config, kernel, out);  // may throw, which REQUIRE would swallow
  REQUIRE(error == cudaSuccess);
}

// The sum of 0 .. 63 through shared memory and shuffles.
__global__ void sum(int* out) {
  __shared__ int parts[2];
  int value = static_cast<int>(threadIdx.x);
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x == 0) out[blockIdx.x] = parts[0] + parts[1] + static_cast<int>(blockIdx.x * 1000 + gridDim.x);
}
__global__ void leaves(int*) {
  if (threadIdx.x == 5) return;
  __syncthreads();
}
__global__ void waits_elsewhere(int*) {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
}
__global__ void part_of_a_warp(int*) {
  if (threadIdx.x < 7) __shfl_xor_sync(0xffffffffu, 1, 1);
}
// Every thread reads its neighbour's word; the barrier between writing and reading is missing.
__global__ void no_barrier(int* out) {
  __shared__ int words[64];
  words[threadIdx.x] = -1;
  __syncthreads();
  words[threadIdx.x] = static_cast<int>(threadIdx.x);
  out[threadIdx.x] = words[(threadIdx.x + 1) % 64];
}
__global__ void any_of(int* out) { out[threadIdx.x] = __syncthreads_or(threadIdx.x == 40); }

}  // namespace

namespace ergon::cuda {
extern thread_local double shared_words[];
}

TEST_CASE("the emulated device runs blocks, barriers and shuffles, in either order of threads") {
  for (const auto order : {emulation::Order::forwards, emulation::Order::backwards}) {
    const emulation::OrderScope scope(order);
    int out[3] = {};
    launch(sum, 3, 64, out);
    CHECK(out[0] == 2016 + 3);
    CHECK(out[2] == 2016 + 2003);
    int any[64] = {};
    launch(any_of, 1, 64, any);
    CHECK(any[0] == 1);
    CHECK(any[63] == 1);
  }
}

TEST_CASE("the emulated device finds threads that do not come to a barrier or a shuffle, and works again afterwards") {
  int out[64] = {};
  CHECK_THROWS_WITH(launch(leaves, 1, 64, out), Catch::Contains("barrier that not all threads") && Catch::Contains("thread 5 has left"));
  CHECK_THROWS_WITH(launch(waits_elsewhere, 1, 64, out), Catch::Contains("thread 32 waits elsewhere"));
  CHECK_THROWS_WITH(launch(part_of_a_warp, 1, 32, out),
                    Catch::Contains("shuffle that not all lanes") && Catch::Contains("thread 7 has left"));
  CHECK_THROWS_WITH(launch(leaves, 1, 33, out), Catch::Contains("not whole warps"));
  launch(sum, 1, 64, out);
  CHECK(out[0] == 2017);
}

TEST_CASE("a missing barrier shows as a difference between the two orders") {
  int forwards[64] = {}, backwards[64] = {};
  launch(no_barrier, 1, 64, forwards);
  const emulation::OrderScope scope(emulation::Order::backwards);
  launch(no_barrier, 1, 64, backwards);
  CHECK(std::memcmp(forwards, backwards, sizeof forwards) != 0);
}

TEST_CASE("dynamic shared memory starts as not-a-number, and a write behind it is found") {
  int out[1] = {};
  const auto kernel = [](int* result) {
    if (threadIdx.x == 0) *result = ergon::cuda::shared_words[3] != ergon::cuda::shared_words[3];
    if (threadIdx.x == 1) ergon::cuda::shared_words[*result == 1 ? 4 : 0] = 1.0;
  };
  CHECK_THROWS_WITH(launch(kernel, 1, 32, out, 32), Catch::Contains("write behind the dynamic shared memory of 32 bytes"));
  CHECK(out[0] == 1);
  launch(kernel, 1, 32, out, 40);
  CHECK_THROWS_WITH(launch(kernel, 1, 32, out, 300000), Catch::Contains("more dynamic shared memory"));
}

TEST_CASE("bfloat16 rounds to nearest, ties to even, once") {
  const auto bits = [](float x) { return __float2bfloat16(x).bits; };
  CHECK(bits(1.0f) == 0x3f80);
  CHECK(bits(1.0f + 0x1p-8f) == 0x3f80);             // a tie: to even
  CHECK(bits(1.0f + 0x1p-7f + 0x1p-8f) == 0x3f82);   // a tie: to even, upwards
  CHECK(bits(1.0f + 0x1p-8f + 0x1p-20f) == 0x3f81);  // above the tie
  CHECK(bits(-3.4e38f) == 0xff80);                   // beyond the largest: infinity
  CHECK(bits(NAN) == 0x7fff);
  CHECK(__bfloat162float({0x3f81}) == 1.0078125f);
  CHECK(__double2bfloat16(1.0 + 0x1p-8 + 0x1p-40).bits == 0x3f81);  // as a float it would be a tie
  CHECK(__double2bfloat16(-1.0 - 0x1p-8 + 0x1p-40).bits == 0xbf80);
}
