// SPDX-License-Identifier: Apache-2.0
// Stands in for CUDA's header of this name, so that the very same kernel sources compile as C++ and run on the CPU (machine.hpp says how).
// Only what the kernels use is here. Device memory is host memory, a stream is nothing, work is done when the call returns.
#pragma once

#include <math.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <source_location>

#define __global__
#define __device__
#define __host__
#define __shared__ thread_local
#define __launch_bounds__(threads)

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
extern constinit thread_local dim3 threadIdx, blockIdx, blockDim, gridDim;

enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorMemoryAllocation = 2, cudaErrorLaunchFailure = 719 };
using cudaStream_t = struct EmulatedStream*;
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

namespace emulation {

constexpr std::size_t most_shared_bytes = 227 * 1024;  // of a block on sm_90 and sm_100

// Runs `thread` once for every thread of every block. Throws Fault (machine.hpp) where a device would hang or corrupt.
void run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& thread);
// A thread waits here until its whole block has come; every thread gets whether any value was not zero.
int block_barrier(int value, std::source_location where);
// A thread waits until its warp has come with 8 bytes each; gets those of `lane`.
std::uint64_t warp_exchange(std::uint64_t mine, int lane, std::source_location where);
// The error that the test asked for next, once; success otherwise.
cudaError_t planned_error();
cudaError_t allocate(void** result, std::size_t bytes);
void release(void* memory);

}  // namespace emulation

inline void __syncthreads(std::source_location where = std::source_location::current()) { emulation::block_barrier(0, where); }
inline int __syncthreads_or(int value, std::source_location where = std::source_location::current()) {
  return emulation::block_barrier(value, where);
}

template <class T>
T __shfl_xor_sync(unsigned /*mask: always the whole warp*/, T value, int distance,
                  std::source_location where = std::source_location::current()) {
  static_assert(sizeof(T) <= 8);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = emulation::warp_exchange(bits, static_cast<int>(threadIdx.x % 32) ^ distance, where);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...), Arguments&&... arguments) {
  if (const cudaError_t error = emulation::planned_error(); error != cudaSuccess) return error;
  emulation::run(config->gridDim, config->blockDim, config->dynamicSmemBytes, [&] { kernel(arguments...); });
  return cudaSuccess;
}

template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel*, cudaFuncAttribute, int bytes) {
  return static_cast<std::size_t>(bytes) <= emulation::most_shared_bytes ? cudaSuccess : cudaErrorInvalidValue;
}

inline cudaError_t cudaGetLastError() { return cudaSuccess; }
const char* cudaGetErrorString(cudaError_t error);
inline cudaError_t cudaMallocAsync(void** result, std::size_t bytes, cudaStream_t) { return emulation::allocate(result, bytes); }
inline cudaError_t cudaFreeAsync(void* memory, cudaStream_t) {
  emulation::release(memory);
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* target, const void* source, std::size_t bytes, cudaMemcpyKind, cudaStream_t) {
  std::memcpy(target, source, bytes);
  return emulation::planned_error();
}
inline cudaError_t cudaMemsetAsync(void* target, int value, std::size_t bytes, cudaStream_t) {
  std::memset(target, value, bytes);
  return emulation::planned_error();
}
inline cudaError_t cudaMemset2DAsync(void* target, std::size_t pitch, int value, std::size_t width, std::size_t height, cudaStream_t) {
  for (std::size_t row = 0; row < height; ++row) std::memset(static_cast<char*>(target) + row * pitch, value, width);
  return emulation::planned_error();
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return emulation::planned_error(); }
