// SPDX-License-Identifier: Apache-2.0
// Initial weights: N(0, init_std) drawn in fp64 by Philox from (seed, hash of the logical name, index of the element in the GLOBAL tensor),
// then rounded to the store's accumulator type (the masters) and from there to bfloat16 weights. So the weights are the same whatever the
// mesh. Padding rows of the vocabulary stay zero.
#pragma once

#include <cstdint>

#include "trainer/model/parameter_store.hpp"

namespace ergon {

// Fills every parameter of the store as its spec says; gradients are left alone.
void initialize_parameters(ParameterStore& store, std::int64_t seed);

}  // namespace ergon
