// SPDX-License-Identifier: Apache-2.0
// Dropout as a pure function of the element's index in the global tensor [sample, position, feature] of the step: the mask is recomputed in
// backward, never stored, and does not depend on mesh, microbatch or rank. An element is kept, and divided by 1 - p, when its uniform
// (trainer/kernels/philox.hpp) is >= p.
//
// Tensors are contiguous, one dtype (float, double or bfloat16: computed in the accumulator type, rounded once); D is the full model width.
// positions_BT: int64, global positions within the sample.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "configs/model_shape.hpp"
#include "parallel/local_attention.hpp"
#include "trainer/kernels/philox.hpp"

namespace ergon {

// Part of the counter, so frozen.
enum class DropoutSite : std::uint8_t { embedding = 0, attention = 1, residual_attention = 2, residual_mlp = 3 };

struct Dropout {
  double p = 0.0;
  std::int64_t seed = 0, step = 0, layer = 0;
  DropoutSite site = DropoutSite::embedding;
  std::int64_t first_sample = 0;  // index within the step of sample 0
  std::int64_t sequence = 0;      // T of the whole sequence
};

// y = dropout(x); y may be x. It is its own backward: dx = dropout_apply(dy).
void dropout_apply(const at::Tensor& y_BTD, const at::Tensor& x_BTD, const at::Tensor& positions_BT, const Dropout& dropout);
// y = residual + dropout(x + bias); y may be residual or x; bias may be undefined. Works for p = 0 too.
void dropout_add(const at::Tensor& y_BTD, const at::Tensor& residual_BTD, const at::Tensor& x_BTD, const at::Tensor& bias_D,
                 const at::Tensor& positions_BT, const Dropout& dropout);

// The factor of one attention probability: 0, or 1 / (1 - p). Global indices.
double attention_dropout_factor(const AttentionDropout& dropout, std::int64_t sample, std::int64_t head, std::int64_t query,
                                std::int64_t key);

// Throws Error (key train.steps, train.batch or model.layers) when a run of this size would overflow a counter: steps below 2^32, layers
// below 2^29, batch x T x D and batch x H x T x T below 2^63.
void check_dropout_counters(const ModelShape& shape, std::int64_t batch, std::int64_t steps);

}  // namespace ergon
