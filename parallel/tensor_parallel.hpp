// SPDX-License-Identifier: Apache-2.0
// The conjugate collective pairs of tensor parallelism: what one does forward, its partner does backward. Plain functions over tensors;
// which layer calls which is written in that layer. A Work is returned where the caller has something to compute meanwhile.
//
//   forward                          backward
//   copy_to: identity                all_reduce                 before a column-parallel product
//   reduce_from: all_reduce          identity                   after a row-parallel product
//   gather_from: all_gather columns  split columns              whole logits from a column-parallel product
//   split_to: own columns            all_gather columns
//   gather_rows: all_gather          reduce_scatter             sequence parallel: before a column-parallel product
//   scatter_rows: reduce_scatter     all_gather                 sequence parallel: after a row-parallel product
//
// Dims: R rows (tokens), C columns of one rank, n tensor ranks. Tensors are contiguous; groups of one rank cost nothing, or one copy where
// output and input differ.
#pragma once

#include <ATen/core/Tensor.h>

#include "parallel/communicator.hpp"

namespace ergon::tensor_parallel {

[[nodiscard]] inline Work copy_to_backward(Communicator& tp, at::Tensor dx) { return tp.all_reduce(std::move(dx)); }
[[nodiscard]] inline Work reduce_from_forward(Communicator& tp, at::Tensor y) { return tp.all_reduce(std::move(y)); }

// y_RC of every rank side by side into whole_RC [R, n C]; `scratch` has as many elements as whole_RC (unused when n is 1). Waits.
void gather_columns(Communicator& tp, const at::Tensor& whole_RC, const at::Tensor& y_RC, const at::Tensor& scratch);
// The columns of this rank, a view of whole_RC.
at::Tensor own_columns(const Communicator& tp, const at::Tensor& whole_RC);

// Rows cut over the ranks: part [R / n, C], whole [R, C]. Each is the other's backward.
[[nodiscard]] inline Work gather_rows(Communicator& tp, at::Tensor whole_RC, at::Tensor part_RC) {
  return tp.all_gather(std::move(whole_RC), std::move(part_RC));
}
[[nodiscard]] inline Work scatter_rows(Communicator& tp, at::Tensor part_RC, at::Tensor whole_RC) {
  return tp.reduce_scatter(std::move(part_RC), std::move(whole_RC));
}

}  // namespace ergon::tensor_parallel
