// SPDX-License-Identifier: Apache-2.0
// The second copy that a save beside training needs, in bytes: masters and both moments in the type of the masters, each element once over
// all ranks together. The trainer takes exactly this at its start (tests/trainer/training_run_save_test.cpp).
//
// Example: gpt2-124m in float32 or bfloat16: 3 * 124,439,808 * 4 = 1,493,277,696 bytes.
#pragma once

#include "configs/quantities.hpp"
#include "configs/run_config.hpp"

namespace ergon {

// Of all ranks; nothing where saves block (checkpoint.asynchronous = false) or are made at the end only (checkpoint.every = 0).
Bytes snapshot_bytes(const RunConfig& config);

}  // namespace ergon
