// SPDX-License-Identifier: Apache-2.0
// Plays what a RecordingStorage wrote down: cuts the power after every operation, puts every folder that the cut may leave on a disk, and
// asks what a reader makes of it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/fault/crash_model.hpp"
#include "tests/fault/recording_storage.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ergon::test {

class Replay {
 public:
  // What a reader makes of a folder, as a text: "step 2", or what is wrong. It may change the folder.
  using Reader = std::function<std::string(const std::string& folder)>;
  // Whether that may be so when the power goes after `done` operations.
  using Judge = std::function<bool(const std::string& seen, int done)>;

  // `folder` is there; what it holds now is on the disk.
  explicit Replay(const std::string& folder, Reader reader) : start_(folder), storage_(folder), reader_(std::move(reader)) {}

  RecordingStorage& storage() { return storage_; }

  // The first folder that must not be, in words; `but` is the number of a sync that does not happen.
  std::optional<std::string> first_bad(const Judge& judge, int but = -1);
  // Fails the test case unless no folder is bad and, for each sync there is, one is bad without it. Prints a line of counts.
  void check(const std::string& name, const Judge& judge);

 private:
  std::string seen(const Tree& tree);

  CrashModel start_;
  RecordingStorage storage_;
  Reader reader_;
  std::unordered_map<std::size_t, std::string> known_;  // what was seen in a tree, by the hash of its text
  std::size_t states_ = 0;
};

}  // namespace ergon::test
