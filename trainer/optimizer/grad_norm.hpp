// SPDX-License-Identifier: Apache-2.0
// This rank's share of the squared global gradient norm: the parameters that it counts (each element counted once over tp), vocabulary
// padding left out; under ZeRO, of these what it owns. The sum over tp, under ZeRO over dp x cp too, is the squared norm. fp64 over fixed
// blocks in order: the same on any number of threads.
#pragma once

#include "trainer/model/parameter_store.hpp"

namespace ergon {

double squared_gradient_norm(const ParameterStore& store);

// What the gradients are multiplied by so that their norm is at most `clip`; 1 when clip is 0 or the norm is below it (or not finite: the
// guard decides then).
double clip_scale(double norm, double clip);

}  // namespace ergon
