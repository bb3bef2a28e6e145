// SPDX-License-Identifier: Apache-2.0
// What a resumed run may change: the stored line against the new one, key by key, by the column `on_resume` of the key table.
//
// Exception to the column: train.steps may always grow when the learning rate does not depend on it (schedule constant, or cosine and
// linear with optimizer.decay_steps above 0).
#pragma once

#include <string>
#include <vector>

#include "configs/key_table.hpp"

namespace ergon {

struct Change {
  std::string key, before, after;  // values as TOML
  OnResume on_resume;              // `free` for steps that grow under the exception above
};

// Every key that differs, in table order.
std::vector<Change> changes(const RunConfig& stored, const RunConfig& now);

// Of changes of class layout: whether losses go on with the bits that they would have had. They do where the deterministic mode, before and
// now, makes the key change nothing: how many data ranks there are, in which order, and what they share.
bool keeps_bits(const Change& change, const RunConfig& stored, const RunConfig& now);

// Throws Error (ExitCode::config) that names every key in `allowed`, the values of --allow-change, that no run file can hold.
void require_known(const std::vector<std::string>& allowed);

// What the ledger must record: changes of class layout and recorded. Throws Error: ExitCode::data for a fixed key, ExitCode::config for a
// recorded key that is not in `allowed` (the values of --allow-change) and for an unknown key in it. All offending keys are named at once.
std::vector<Change> check_resume(const RunConfig& stored, const RunConfig& now, const std::vector<std::string>& allowed);

}  // namespace ergon
