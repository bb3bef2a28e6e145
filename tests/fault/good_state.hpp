// SPDX-License-Identifier: Apache-2.0
// Runs and token stores made for the fault tests, and what a reader makes of them afterwards.
#pragma once

#include <string>
#include <vector>

#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/data/token_store_writer.hpp"

namespace ergon {

// For what is only looked at: the power is not cut again, so nothing waits for the disk.
struct UnsyncedStorage : test::InspectingStorage {
  void sync(const File&) override {}
  void sync_directory(const std::string&) override {}
};

// Attempt 1 has saved these steps.
void begin_run(Storage& storage, const std::string& run, const std::vector<std::int64_t>& steps);

// What a run resumes from: "step 2 of attempt 1, latest step_00000002.a0001\n", "nothing of attempt 0", or what is wrong. The bytes are
// compared, nothing may have been set aside, the next attempt begins, saves and loads again: it changes the run.
std::string look_at_run(const std::string& run);

// Writes a store of some tokens; its content hash.
std::string import_into(const std::string& path, Storage& storage, int documents, Existing existing);
// "whole" for a store of that hash of which every byte is right, "another", "nothing".
std::string look_at_store(const std::string& path, const std::string& hash);

}  // namespace ergon
