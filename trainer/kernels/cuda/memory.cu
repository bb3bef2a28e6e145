// SPDX-License-Identifier: Apache-2.0
// Memory of the device: scratch for plans, transfers, fills, and copies between strides and types.
#include "trainer/kernels/cuda/entries.cuh"
#include "trainer/kernels/cuda/launch.cuh"

namespace ergon::cuda {
namespace {

struct Layout {
  std::int64_t sizes[ERGON_COPY_MAX_DIMS], y_strides[ERGON_COPY_MAX_DIMS], x_strides[ERGON_COPY_MAX_DIMS];
  int dims;
};

// By way of double, which holds every value of the others: a value is rounded once.
__device__ void convert(float& y, double x) { y = static_cast<float>(x); }
__device__ void convert(double& y, double x) { y = x; }
__device__ void convert(bfloat16& y, double x) { y = __double2bfloat16(x); }
template <class T>
__device__ void assign(T& y, const T& x) {
  y = x;
}
template <class Y, class X>
__device__ void assign(Y& y, const X& x) {
  convert(y, static_cast<double>(widen(x)));
}

template <class Y, class X>
struct Copy {
  Y* y;
  const X* x;
  Layout layout;
  __device__ void operator()(std::int64_t i) const {
    std::int64_t to = 0, from = 0;
    for (int d = layout.dims - 1; d >= 0; --d) {
      const std::int64_t at = i % layout.sizes[d];
      i /= layout.sizes[d];
      to += at * layout.y_strides[d];
      from += at * layout.x_strides[d];
    }
    assign(y[to], x[from]);
  }
};

int copy(void* y, ErgonDtype y_dtype, const std::int64_t* y_strides, const void* x, ErgonDtype x_dtype, const std::int64_t* x_strides,
         const std::int64_t* sizes, int dims, void* stream) {
  if (dims < 0 || dims > ERGON_COPY_MAX_DIMS) return bad_size;
  Layout layout{};
  layout.dims = dims;
  std::int64_t elements = 1;
  for (int d = 0; d < dims; ++d) {
    layout.sizes[d] = sizes[d];
    layout.y_strides[d] = y_strides[d];
    layout.x_strides[d] = x_strides[d];
    elements *= sizes[d];
  }
  if (y_dtype == ERGON_INT64 && x_dtype == ERGON_INT64)
    return for_each(elements, stream,
                    Copy<std::int64_t, std::int64_t>{static_cast<std::int64_t*>(y), static_cast<const std::int64_t*>(x), layout});
  return by_dtype(y_dtype, [&](auto y_tag) {
    using Y = typename decltype(y_tag)::Type;
    return by_dtype(x_dtype, [&](auto x_tag) {
      using X = typename decltype(x_tag)::Type;
      return for_each(elements, stream, Copy<Y, X>{static_cast<Y*>(y), static_cast<const X*>(x), layout});
    });
  });
}

int allocate(void** result, std::int64_t bytes, void* stream) {
  return code(cudaMallocAsync(result, static_cast<std::size_t>(bytes), stream_of(stream)));
}

int release(void* memory, void* stream) { return code(cudaFreeAsync(memory, stream_of(stream))); }

int upload(void* target, const void* host_source, std::int64_t bytes, void* stream) {
  return code(cudaMemcpyAsync(target, host_source, static_cast<std::size_t>(bytes), cudaMemcpyHostToDevice, stream_of(stream)));
}

int download(void* host_target, const void* source, std::int64_t bytes, void* stream) {
  ERGON_STEP(code(cudaMemcpyAsync(host_target, source, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToHost, stream_of(stream))));
  return code(cudaStreamSynchronize(stream_of(stream)));
}

int zero(void* x, std::int64_t bytes, void* stream) {
  return bytes == 0 ? 0 : code(cudaMemsetAsync(x, 0, static_cast<std::size_t>(bytes), stream_of(stream)));
}

}  // namespace

void add_memory(ErgonKernelTable& table) {
  table.allocate = allocate;
  table.release = release;
  table.upload = upload;
  table.download = download;
  table.zero = zero;
  table.copy = copy;
}

}  // namespace ergon::cuda
