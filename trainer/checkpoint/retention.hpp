// SPDX-License-Identifier: Apache-2.0
// Which checkpoints stay. Nothing is deleted before the newest healthy checkpoint of the lineage has been read back from the device and
// verified; that one is never deleted. A folder is renamed to *.del before its files go, so that a crash in between leaves nothing that
// looks like a checkpoint.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "trainer/storage.hpp"

namespace ergon {

// A checkpoint that any of these wants stays.
struct RetentionRules {
  std::int64_t keep = 3;        // the newest healthy ones of the lineage; 0: all of them, and nothing is read back
  std::int64_t keep_every = 0;  // healthy ones of steps that this divides; 0: none
  bool keep_best = false;       // the healthy one of the lowest validation loss, the newest of equals
};

struct RetentionCandidate {
  std::string name;
  std::int64_t step = 0;
  bool in_lineage = true;                 // else abandoned or left behind
  bool readable = true;                   // its manifest verifies
  bool healthy = true;                    // of a readable one
  std::optional<double> validation_loss;  // of an evaluation right before it was saved
};

struct Removal {
  std::string name, why;
  bool operator==(const Removal&) const = default;
};

struct Retained {
  std::vector<std::string> messages;  // what was done and what failed, a line each
  std::string damaged, why;           // the newest healthy checkpoint of the lineage, when it does not read back; empty: it does
};

// What goes, in this order: abandoned ones, unhealthy ones older than the newest healthy one, healthy ones that no rule wants. One that is
// not readable is left alone; without a healthy one nothing goes. rules.keep >= 1.
std::vector<Removal> plan_retention(const std::vector<RetentionCandidate>& newest_first, const RetentionRules& rules);
// The same for what a run folder has now. Throws Error as read_catalogue does.
std::vector<Removal> plan_retention(Storage& storage, const std::string& run_folder, const RetentionRules& rules);

// Deletes what plan_retention names. When the newest does not verify it is set aside as *.corrupt, and nothing is deleted. Throws nothing
// but what Storage subclasses throw. `check_owner` throws Error when the run is no longer ours, and is asked before each deletion.
Retained retain_checkpoints(
    Storage& storage, const std::string& run_folder, const RetentionRules& rules, const std::function<void()>& check_owner = [] {});

// At the start of an attempt, on rank 0: removes *.tmpN of other attempts and *.del that killed processes have left. Returns a line for
// each.
std::vector<std::string> remove_leftovers(Storage& storage, const std::string& run_folder, int attempt);

// RUN/checkpoints/latest: the name of the newest checkpoint, for people and scripts. Nothing in Ergon reads it; a failure is a message.
void write_hint(Storage& storage, const std::string& run_folder, const std::string& name, std::vector<std::string>& messages);

}  // namespace ergon
