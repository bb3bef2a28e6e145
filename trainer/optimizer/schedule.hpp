// SPDX-License-Identifier: Apache-2.0
// The learning rate as a pure function of the step (from 1), so that a resumed run continues on the same curve. W warm-up steps, N decay
// end (decay_steps, or train.steps when 0), x = (step - W) / (N - W) clipped to [0, 1]:
//
//   step <= W   lr * step / W
//   cosine      minimum + (lr - minimum) (1 + cos(pi x)) / 2
//   linear      lr + (minimum - lr) x
//   constant    lr
//   wsd         lr until the last decay_steps steps of the run (a tenth of it when 0), then linearly to minimum at train.steps
#pragma once

#include <cstdint>

#include "configs/run_config.hpp"

namespace ergon {

double learning_rate(const OptimizerSection& optimizer, std::int64_t total_steps, std::int64_t step);

}  // namespace ergon
