// SPDX-License-Identifier: Apache-2.0
// Memory for activations and temporaries that is allocated in the first steps and reused for ever: a stack of tensors over a few large
// chunks. Nothing is allocated or page-faulted in the steady state.
//
//   Arena::Frame frame(scratch);                 // everything taken below is given back when the frame ends
//   at::Tensor y_BTD = scratch.take({B, T, D}, at::kFloat);
//
// Invariants: tensors are 64-byte aligned, contiguous, uninitialised, and valid until their frame ends or reset() is called. One thread at
// a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "configs/quantities.hpp"
#include "parallel/tensor_memory.hpp"
#include "trainer/tensor_headers.hpp"

namespace ergon {

class Arena final : public TensorMemory {
 public:
  explicit Arena(at::Device device = at::kCPU) : device_(device), headers_(device) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  at::Tensor take(at::IntArrayRef sizes, at::ScalarType dtype) override;
  at::Tensor strided(const at::Tensor& x, at::IntArrayRef sizes, at::IntArrayRef strides, std::int64_t offset) override {
    return headers_.strided(x, sizes, strides, offset);
  }
  void reset() {
    chunk_ = 0;
    offset_ = 0;
    taken_ = 0;
  }

  TensorHeaders& headers() { return headers_; }  // of what it gives, and of views of that

  class Frame {
   public:
    explicit Frame(Arena& arena) : arena_(arena), chunk_(arena.chunk_), offset_(arena.offset_), taken_(arena.taken_) {}
    ~Frame() {
      arena_.chunk_ = chunk_;
      arena_.offset_ = offset_;
      arena_.taken_ = taken_;
    }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

   private:
    Arena& arena_;
    std::size_t chunk_;
    std::int64_t offset_;
    std::int64_t taken_;
  };

  Bytes taken() const { return Bytes{taken_}; }  // by the tensors that are valid now, each a multiple of the alignment
  Bytes reserved() const;                        // allocated so far
  std::int64_t growths() const { return static_cast<std::int64_t>(chunks_.size()); }  // times it had to allocate

 private:
  at::Device device_;
  TensorHeaders headers_;
  std::vector<at::Tensor> chunks_;  // uint8
  std::size_t chunk_ = 0;           // where the next tensor comes from
  std::int64_t offset_ = 0;
  std::int64_t taken_ = 0;
};

}  // namespace ergon
