// SPDX-License-Identifier: Apache-2.0
#include "trainer/tensor_headers.hpp"

#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include "configs/error.hpp"

namespace ergon {

std::size_t TensorHeaders::Hash::operator()(const Key& key) const {
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15u;  // 2^64 over the golden ratio
  std::uint64_t hash = reinterpret_cast<std::uintptr_t>(key.address) ^ static_cast<std::uint64_t>(key.dtype) << 56;
  const auto mix = [&](std::int64_t value) { hash = ((hash ^ static_cast<std::uint64_t>(value)) * odd) ^ (hash >> 29); };
  for (std::size_t dim = 0; dim < key.dims; ++dim) {
    mix(key.sizes[dim]);
    mix(key.strides[dim]);
  }
  return static_cast<std::size_t>(hash);
}

TensorHeaders::Key TensorHeaders::contiguous(void* address, at::IntArrayRef sizes, at::ScalarType dtype) {
  ERGON_CHECK(sizes.size() <= most_dims, "a header of {} dims", sizes.size());
  Key key{address, dtype, sizes.size(), {}, {}};
  std::int64_t stride = 1;
  for (std::size_t dim = key.dims; dim-- > 0;) {
    key.sizes[dim] = sizes[dim];
    key.strides[dim] = stride;
    stride *= std::max<std::int64_t>(1, sizes[dim]);
  }
  return key;
}

TensorHeaders::Key TensorHeaders::key_of(const at::Tensor& x) const {
  ERGON_CHECK(static_cast<std::size_t>(x.dim()) <= most_dims && x.device().type() == device_.type(), "a header of {} dims on {} for {}",
              x.dim(), x.device().str(), device_.str());
  Key key{x.data_ptr(), x.scalar_type(), static_cast<std::size_t>(x.dim()), {}, {}};
  for (std::size_t dim = 0; dim < key.dims; ++dim) {
    key.sizes[dim] = x.size(static_cast<std::int64_t>(dim));
    key.strides[dim] = x.stride(static_cast<std::int64_t>(dim));
  }
  return key;
}

at::Tensor TensorHeaders::find(const Key& key) {
  const auto found = made_.find(key);
  if (found != made_.end()) return found->second;
  if (made_.size() >= kept) made_.clear();   // lengths that change from call to call, as in generation
  const c10::InferenceMode ordinary(false);  // a header made in a step is also written outside of one
  const at::IntArrayRef sizes(key.sizes.data(), key.dims), strides(key.strides.data(), key.dims);
  const auto options = at::TensorOptions().dtype(key.dtype).device(device_);
  return made_.emplace(key, at::for_blob(key.address, sizes).strides(strides).options(options).target_device(device_).make_tensor())
      .first->second;
}

at::Tensor TensorHeaders::over(void* address, at::IntArrayRef sizes, at::ScalarType dtype) {
  return find(contiguous(address, sizes, dtype));
}

at::Tensor TensorHeaders::view(const at::Tensor& x, at::IntArrayRef sizes) {
  ERGON_CHECK(x.is_contiguous() && c10::multiply_integers(sizes) == x.numel() && x.device().type() == device_.type(),
              "a view {} of {} with strides {}", c10::str(sizes), c10::str(x.sizes()), c10::str(x.strides()));
  return find(contiguous(x.data_ptr(), sizes, x.scalar_type()));
}

at::Tensor TensorHeaders::narrow(const at::Tensor& x, std::int64_t dim, std::int64_t start, std::int64_t length) {
  ERGON_CHECK(dim >= 0 && dim < x.dim() && start >= 0 && length >= 0 && start + length <= x.size(dim), "{} to {} of dim {} of {}", start,
              start + length, dim, c10::str(x.sizes()));
  Key key = key_of(x);
  key.address = static_cast<char*>(key.address) + start * x.stride(dim) * static_cast<std::int64_t>(x.element_size());
  key.sizes[static_cast<std::size_t>(dim)] = length;
  return find(key);
}

at::Tensor TensorHeaders::select(const at::Tensor& x, std::int64_t index) {
  ERGON_CHECK(x.dim() > 0 && index >= 0 && index < x.size(0), "element {} of {}", index, c10::str(x.sizes()));
  const Key whole = key_of(x);
  Key key{static_cast<char*>(whole.address) + index * x.stride(0) * static_cast<std::int64_t>(x.element_size()),
          whole.dtype,
          whole.dims - 1,
          {},
          {}};
  std::copy(whole.sizes.begin() + 1, whole.sizes.end(), key.sizes.begin());
  std::copy(whole.strides.begin() + 1, whole.strides.end(), key.strides.begin());
  return find(key);
}

at::Tensor TensorHeaders::strided(const at::Tensor& x, at::IntArrayRef sizes, at::IntArrayRef strides, std::int64_t offset) {
  ERGON_CHECK(sizes.size() <= most_dims && strides.size() == sizes.size() && offset >= 0 && x.device().type() == device_.type(),
              "a view of {} dims and {} strides from element {}", sizes.size(), strides.size(), offset);
  Key key{static_cast<char*>(x.data_ptr()) + offset * static_cast<std::int64_t>(x.element_size()), x.scalar_type(), sizes.size(), {}, {}};
  std::copy(sizes.begin(), sizes.end(), key.sizes.begin());
  std::copy(strides.begin(), strides.end(), key.strides.begin());
  return find(key);
}

}  // namespace ergon
