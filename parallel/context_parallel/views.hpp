// SPDX-License-Identifier: Apache-2.0
// Views of the tensors of a call by headers that its memory keeps (parallel/tensor_memory.hpp): of the same sizes at the same places none
// is made again.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "configs/error.hpp"
#include "parallel/tensor_memory.hpp"

namespace ergon {

class Views {
 public:
  explicit Views(TensorMemory& memory) : memory_(memory) {}

  at::Tensor narrow(const at::Tensor& x, std::int64_t dim, std::int64_t start, std::int64_t length) const {
    return every(x, dim, start, length, 1);
  }
  // Entries start, start + step, ... of a dim.
  at::Tensor every(const at::Tensor& x, std::int64_t dim, std::int64_t start, std::int64_t length, std::int64_t step) const {
    Layout layout = layout_of(x);
    const auto at = static_cast<std::size_t>(dim);
    ERGON_CHECK(
        at < layout.dims && start >= 0 && length >= 0 && step >= 1 && (length == 0 || start + (length - 1) * step < layout.sizes[at]),
        "entries {}, {} at a step of {}, of dim {} of {}", start, length, step, dim, c10::str(x.sizes()));
    const std::int64_t offset = start * layout.strides[at];
    layout.sizes[at] = length;
    layout.strides[at] *= step;
    return made(x, layout, offset);
  }
  // A contiguous x with other sizes.
  at::Tensor as(const at::Tensor& x, at::IntArrayRef sizes) const {
    ERGON_CHECK(x.is_contiguous() && sizes.size() <= most_dims && c10::multiply_integers(sizes) == x.numel(), "a view {} of {}",
                c10::str(sizes), c10::str(x.sizes()));
    Layout layout{sizes.size(), {}, {}};
    std::int64_t stride = 1;
    for (std::size_t dim = layout.dims; dim-- > 0; stride *= std::max<std::int64_t>(1, sizes[dim])) {
      layout.sizes[dim] = sizes[dim];
      layout.strides[dim] = stride;
    }
    return made(x, layout, 0);
  }
  // x_BHT as [B, T, H, 1]: one number for each row that outputs have.
  at::Tensor by_row(const at::Tensor& x_BHT) const {
    return made(x_BHT, {4, {x_BHT.size(0), x_BHT.size(2), x_BHT.size(1), 1}, {x_BHT.stride(0), x_BHT.stride(2), x_BHT.stride(1), 1}}, 0);
  }

 private:
  static constexpr std::size_t most_dims = 4;
  struct Layout {
    std::size_t dims;
    std::array<std::int64_t, most_dims> sizes, strides;
  };
  static Layout layout_of(const at::Tensor& x) {
    ERGON_CHECK(static_cast<std::size_t>(x.dim()) <= most_dims, "a view of {} dims", x.dim());
    Layout layout{static_cast<std::size_t>(x.dim()), {}, {}};
    for (std::size_t dim = 0; dim < layout.dims; ++dim) {
      layout.sizes[dim] = x.size(static_cast<std::int64_t>(dim));
      layout.strides[dim] = x.stride(static_cast<std::int64_t>(dim));
    }
    return layout;
  }
  at::Tensor made(const at::Tensor& x, const Layout& layout, std::int64_t offset) const {
    return memory_.strided(x, {layout.sizes.data(), layout.dims}, {layout.strides.data(), layout.dims}, offset);
  }

  TensorMemory& memory_;
};

}  // namespace ergon
