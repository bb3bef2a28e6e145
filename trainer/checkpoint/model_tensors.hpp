// SPDX-License-Identifier: Apache-2.0
// The tensors of a training run as checkpoint tensors: parameters/NAME (the masters: who loads them rounds them, ParameterStore),
// first_moment/NAME and second_moment/NAME, each the real rows of this rank's box (vocabulary padding is not stored), or under ZeRO the
// ranges of them that this rank owns, which it writes. Without ZeRO a parameter's three tensors are written by one data rank, the one with
// the fewest bytes so far, in order of declaration.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/model/parameter_store.hpp"

namespace ergon {

// Item i is written by writers[i] < ranks: each item goes to the rank with the fewest bytes so far, the lowest when equal.
// Example: bytes {5, 3, 3, 4} over 2 ranks: {0, 1, 1, 0}.
std::vector<int> assign_writers(const std::vector<std::int64_t>& bytes, int ranks);

// Views into the store and the moments (laid out as its shard of masters), for saving and for loading. Padding elements are not touched by
// a load.
std::vector<CheckpointTensor> model_tensors(const ParameterStore& store, const at::Tensor& first_moment, const at::Tensor& second_moment,
                                            int dp, int dp_rank);

}  // namespace ergon
