// SPDX-License-Identifier: Apache-2.0
// Which checkpoints stay. Nothing is deleted before the newest healthy checkpoint of the lineage has been read back from the device and
// verified; that one is never deleted. A folder is renamed to *.del before its files go, so that a crash in between leaves nothing that
// looks like a checkpoint.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "trainer/storage.hpp"

namespace ergon {

// Keeps the newest `keep` (at least 1) healthy checkpoints of the lineage. Deletes, in this order: abandoned and left-behind ones,
// unhealthy ones older than the newest healthy one, healthy ones beyond `keep`. One whose manifest does not verify is left alone. Returns
// what was done and what failed, a line each; when the newest does not verify it is set aside as *.corrupt, its problems are the messages,
// and nothing is deleted. Throws nothing but what Storage subclasses throw.
// `check_owner` throws Error when the run is no longer ours, and is asked before each deletion.
std::vector<std::string> retain_checkpoints(
    Storage& storage, const std::string& run_folder, std::int64_t keep, const std::function<void()>& check_owner = [] {});

// At the start of an attempt, on rank 0: removes *.tmpN of other attempts and *.del that killed processes have left. Returns a line for
// each.
std::vector<std::string> remove_leftovers(Storage& storage, const std::string& run_folder, int attempt);

// RUN/checkpoints/latest: the name of the newest checkpoint, for people and scripts. Nothing in Ergon reads it; a failure is a message.
void write_hint(Storage& storage, const std::string& run_folder, const std::string& name, std::vector<std::string>& messages);

}  // namespace ergon
