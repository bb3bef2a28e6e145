// SPDX-License-Identifier: Apache-2.0
// Settings of the whole process that a rank makes once, before its first tensor.
#pragma once

#include <cstdint>

namespace ergon {

// Sets the intra-op threads of tensor operations, turns autograd off for good (a step builds no tape), and tells malloc to keep what it
// has: giving pages back and faulting them in again costs a quarter of a step.
void prepare_process(std::int64_t threads);

}  // namespace ergon
