// SPDX-License-Identifier: Apache-2.0
// Vocabulary-parallel embedding: this rank holds rows [first, first + real) of the table (padding rows follow them); a token outside gives
// zero, so that the sum over tensor ranks is the embedding. Gradients are added row by row in token order whatever the number of threads.
//
// Tensors are contiguous; tokens and positions int64; y, dy and table have one dtype (float, double or bfloat16), dtable its accumulator
// type. N = number of tokens = B x T.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "trainer/kernels/gemm.hpp"

namespace ergon {

void embedding_forward(const at::Tensor& y_ND, const at::Tensor& tokens_N, const at::Tensor& table_VD, std::int64_t first,
                       std::int64_t real);
// dtable_VD: all local rows; under Write::overwrite those without a token, padding included, become zero.
void embedding_backward(const at::Tensor& dtable_VD, const at::Tensor& dy_ND, const at::Tensor& tokens_N, std::int64_t first,
                        std::int64_t real, Write write);

// y += table[positions]
void positions_add(const at::Tensor& y_ND, const at::Tensor& positions_N, const at::Tensor& table_TD);
void positions_backward(const at::Tensor& dtable_TD, const at::Tensor& dy_ND, const at::Tensor& positions_N, Write write);

}  // namespace ergon
