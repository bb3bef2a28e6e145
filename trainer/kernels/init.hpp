// SPDX-License-Identifier: Apache-2.0
// Initial weights: element e of the GLOBAL parameter is a pure function of (seed, logical name, e), whatever box of it this rank holds.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

#include "parallel/plan/shard_box.hpp"

namespace ergon {

// Fills the part of `local` that `box` covers (rows from 0; vocabulary padding below it stays as it is) with N(0, std^2), drawn in fp64,
// then rounded. 1-dim or 2-dim, contiguous, float or double.
void fill_normal(const at::Tensor& local, std::string_view name, const Extents& global_shape, const ShardBox& box, double std,
                 std::int64_t seed);

}  // namespace ergon
