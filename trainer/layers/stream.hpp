// SPDX-License-Identifier: Apache-2.0
// The residual stream over tensor ranks: which of its rows a rank has between tensor-parallel products, and what brings it from there to
// all rows and back.
//
// Without sequence parallelism every rank has all N = B x T rows, and partial products are summed by all_reduce. With it rank r has rows
// [r N / n, (r + 1) N / n) of them, in the order sample, position: gathered rows are in that order again, without a copy. A part may begin
// and end inside a sample; dropout counters are those of the whole tensor.
#pragma once

#include "trainer/layers/step_context.hpp"

namespace ergon {

// All rows of what this rank has a part of: `part` itself, or a tensor from `arena` into which it was gathered. Waits.
at::Tensor all_rows(const LayerCall& call, Arena& arena, const at::Tensor& part_RD);
// The tensor that a partial product is written to: `sum` itself, or one from `arena` that lasts until the Work of sum_rows is done.
at::Tensor partial_rows(const LayerCall& call, Arena& arena, const at::Tensor& sum_RD);
// The sum over tp of partial products, this rank's rows of it into `sum`; done at once for one rank.
[[nodiscard]] Work sum_rows(const LayerCall& call, const at::Tensor& sum_RD, const at::Tensor& partial_ND);

// This rank's entries of a vector of N.
at::Tensor own_rows(const LayerCall& call, const at::Tensor& whole_N);

// dropout_apply and dropout_add (trainer/kernels/dropout.hpp) on this rank's rows.
void stream_dropout(const LayerCall& call, const at::Tensor& y_RD, const at::Tensor& x_RD, const Dropout& dropout);
void stream_dropout_add(const LayerCall& call, const at::Tensor& y_RD, const at::Tensor& residual_RD, const at::Tensor& x_RD,
                        const at::Tensor& bias_D, const Dropout& dropout);

}  // namespace ergon
