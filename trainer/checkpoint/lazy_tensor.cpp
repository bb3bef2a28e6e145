// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/lazy_tensor.hpp"

#include <algorithm>

#include "configs/error.hpp"
#include "trainer/checkpoint/format.hpp"

namespace ergon {

const LazyTensor* find(const LazyTensors& tensors, const std::string& name) {
  const auto at = std::find_if(tensors.begin(), tensors.end(), [&](const LazyTensor& tensor) { return tensor.name == name; });
  return at == tensors.end() ? nullptr : &*at;
}

std::int64_t bytes_of(const LazyTensor& tensor) { return num_elements(tensor.shape) * dtype_size(tensor.dtype); }

LazyTensor converted(LazyTensor tensor, at::ScalarType dtype) {
  if (tensor.dtype == dtype) return tensor;
  tensor.dtype = dtype;
  tensor.read = [read = std::move(tensor.read), dtype] { return read().to(dtype); };
  return tensor;
}

at::Tensor value_of(const LazyTensor& tensor) {
  at::Tensor value = tensor.read();
  ERGON_CHECK(value.sizes().equals(tensor.shape) && value.scalar_type() == tensor.dtype && value.is_contiguous() && value.is_cpu(),
              "{} was read as another tensor than it was announced", tensor.name);
  return value;
}

}  // namespace ergon
