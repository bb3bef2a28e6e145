// SPDX-License-Identifier: Apache-2.0
// Keys that follow from others when nobody gave them:
//   model.kv_heads = heads; model.head_width = width / heads; model.ffn_width = 4 width (gelu), 8/3 width rounded up to a multiple of 64
//   (swiglu); optimizer.minimum_lr = lr / 10; optimizer.warmup = 100, or train.steps when that is less.
#pragma once

#include "configs/given.hpp"
#include "configs/problems.hpp"
#include "configs/run_config.hpp"

namespace ergon {

void derive(RunConfig& config, const Given& given, Problems& problems);

}  // namespace ergon
