// SPDX-License-Identifier: Apache-2.0
// From an entry of the table to kernels on the device: dtype to template, sizes to a grid, failures to codes.
//
//   return by_dtype(dtype, [&](auto tag) { using C = typename decltype(tag)::Type; return for_each(n, stream, Body<C>{...}); });
//
// Kernels start through cudaLaunchKernelEx, an ordinary function template, so that these files are ordinary C++ where the tests stand in
// for cuda_runtime.h (tests/trainer/kernels/cuda/emulation).
#pragma once

#include <algorithm>

#include "trainer/kernels/cuda/kernel_table.h"
#include "trainer/kernels/cuda/numeric.cuh"

namespace ergon::cuda {

// Codes: 0, those of the CUDA runtime, those of cuBLAS above blas_errors, and our own.
constexpr int blas_errors = 100000, own_errors = 200000;
enum OwnError : int { bad_dtype = own_errors, bad_size, too_little_shared_memory, bad_width };

inline int code(cudaError_t error) { return static_cast<int>(error); }
// The first failure of steps done in order; the step is not run after a failure.
#define ERGON_STEP(call)                                  \
  do {                                                    \
    if (const int failed = (call); failed) return failed; \
  } while (false)

template <class C>
struct Tag {
  using Type = C;
};

template <class Body>
int by_dtype(ErgonDtype dtype, const Body& body) {
  switch (dtype) {
    case ERGON_FLOAT32:
      return body(Tag<float>{});
    case ERGON_FLOAT64:
      return body(Tag<double>{});
    case ERGON_BFLOAT16:
      return body(Tag<bfloat16>{});
    default:
      return bad_dtype;
  }
}

inline cudaStream_t stream_of(void* stream) { return static_cast<cudaStream_t>(stream); }

// Runs `blocks` blocks of `threads`; none: nothing to do. Above 48 KiB shared memory has to be asked for.
template <class... Parameters, class... Arguments>
int launch(void (*kernel)(Parameters...), std::int64_t blocks, int threads, std::size_t shared_bytes, void* stream,
           Arguments... arguments) {
  if (blocks == 0) return 0;
  if (blocks < 0 || blocks > 0x7fffffff) return bad_size;
  if (shared_bytes > 48 * 1024 &&
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)) != cudaSuccess) {
    cudaGetLastError();
    return too_little_shared_memory;
  }
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream_of(stream);
  return code(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...));
}

template <class Body>
__global__ void each_element(std::int64_t elements, Body body) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < elements; i += step) body(i);
}

// body(i) for every element, in no order: bodies write what no other one reads.
template <class Body>
int for_each(std::int64_t elements, void* stream, const Body& body) {
  constexpr int threads = 256;
  constexpr std::int64_t most_blocks = 4096;  // more than any device holds at once; threads go on in strides
  return launch(each_element<Body>, std::min((elements + threads - 1) / threads, most_blocks), threads, 0, stream, elements, body);
}

// Device memory for the length of a call, ordered by the stream.
class Scratch {
 public:
  Scratch(std::size_t bytes, void* stream) : stream_(stream_of(stream)), error_(code(cudaMallocAsync(&memory_, bytes, stream_))) {}
  ~Scratch() {
    if (memory_) cudaFreeAsync(memory_, stream_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  int error() const { return error_; }
  template <class T>
  T* as() const {
    return static_cast<T*>(memory_);
  }
  // Waits for the stream.
  int download(void* host_target, std::size_t bytes) const {
    ERGON_STEP(code(cudaMemcpyAsync(host_target, memory_, bytes, cudaMemcpyDeviceToHost, stream_)));
    return code(cudaStreamSynchronize(stream_));
  }

 private:
  void* memory_ = nullptr;
  cudaStream_t stream_;
  int error_;
};

}  // namespace ergon::cuda
