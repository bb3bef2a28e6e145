// SPDX-License-Identifier: Apache-2.0
// The parts of a run in which operations are executed. Shared by what predicts them (accounting/operations) and what counts them
// (trainer/flop_audit).
#pragma once

#include <cstdint>

namespace ergon {

enum class Phase : std::uint8_t { forward, backward, recompute, evaluation };
inline constexpr int num_phases = 4;
const char* name(Phase phase);

}  // namespace ergon
