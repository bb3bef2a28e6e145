// SPDX-License-Identifier: Apache-2.0
// Headers of tensors over memory that stays where it is (arenas, flat buffers, the tensors of a batch): made the first time they are asked
// for and handed out again in every later step, so that a step of the steady state allocates nothing.
//
//   TensorHeaders headers(at::kCPU);
//   at::Tensor q_NHQ = headers.view(q_NC, {N, H, Q});      // the first call allocates, the others look up
//
// A header owns nothing: it is valid as long as the memory it was asked for is. It says only address, sizes, strides and type, so one that
// is found again is right whoever lives at that address by then. One thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace ergon {

class TensorHeaders {
 public:
  explicit TensorHeaders(at::Device device) : device_(device) {}
  TensorHeaders(TensorHeaders&&) = default;

  // Contiguous memory at `address`.
  at::Tensor over(void* address, at::IntArrayRef sizes, at::ScalarType dtype);
  // As the methods of at::Tensor of these names; x is contiguous for view. Throws Bug for what does not fit.
  at::Tensor view(const at::Tensor& x, at::IntArrayRef sizes);
  at::Tensor narrow(const at::Tensor& x, std::int64_t dim, std::int64_t start, std::int64_t length);
  at::Tensor select(const at::Tensor& x, std::int64_t index);  // of dim 0
  // Any view of x, from its element `offset` on. What it covers is the caller's to know.
  at::Tensor strided(const at::Tensor& x, at::IntArrayRef sizes, at::IntArrayRef strides, std::int64_t offset);

  std::size_t size() const { return made_.size(); }

 private:
  static constexpr std::size_t most_dims = 4, kept = 1 << 16;
  struct Key {
    void* address;
    at::ScalarType dtype;
    std::size_t dims;
    std::array<std::int64_t, most_dims> sizes, strides;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };
  at::Tensor find(const Key& key);
  Key key_of(const at::Tensor& x) const;
  static Key contiguous(void* address, at::IntArrayRef sizes, at::ScalarType dtype);

  at::Device device_;
  std::unordered_map<Key, at::Tensor, Hash> made_;
};

}  // namespace ergon
