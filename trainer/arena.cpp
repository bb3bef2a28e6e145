// SPDX-License-Identifier: Apache-2.0
#include "trainer/arena.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr std::int64_t alignment = 64, smallest_chunk = std::int64_t{16} << 20;

std::int64_t padded(std::int64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

std::int64_t misalignment(const at::Tensor& chunk) {
  return padded(static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(chunk.data_ptr()))) -
         static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(chunk.data_ptr()));
}

}  // namespace

at::Tensor Arena::take(at::IntArrayRef sizes, at::ScalarType dtype) {
  std::int64_t elements = 1;
  for (const std::int64_t size : sizes) {
    ERGON_CHECK(size >= 0, "a tensor of {}", c10::str(sizes));
    elements *= size;
  }
  const std::int64_t bytes = padded(std::max<std::int64_t>(1, elements) * static_cast<std::int64_t>(c10::elementSize(dtype)));
  const auto fits = [&] { return misalignment(chunks_[chunk_]) + offset_ + bytes <= chunks_[chunk_].numel(); };
  while (chunk_ < chunks_.size() && !fits()) {
    ++chunk_;
    offset_ = 0;
  }
  if (chunk_ == chunks_.size()) {
    const std::int64_t last = chunks_.empty() ? smallest_chunk / 2 : chunks_.back().numel();
    chunks_.push_back(at::empty({std::max(2 * last, bytes + alignment)}, at::TensorOptions().dtype(at::kByte).device(device_)));
    offset_ = 0;
  }
  auto* address = static_cast<char*>(chunks_[chunk_].data_ptr()) + misalignment(chunks_[chunk_]) + offset_;
  offset_ += bytes;
  taken_ += bytes;
  return headers_.over(address, sizes, dtype);
}

Bytes Arena::reserved() const {
  Bytes sum{};
  for (const at::Tensor& chunk : chunks_) sum += Bytes{chunk.numel()};
  return sum;
}

}  // namespace ergon
