// SPDX-License-Identifier: Apache-2.0
// The files of a run:
//   config.toml    the configuration with everything resolved, of the newest attempt
//   events.jsonl   steps, evaluations, attempts, saves        ledger.jsonl  what was spent (accounting/ledger.hpp)
//   checkpoints/   attempts/   lineage.jsonl   uuid           result.json   how the newest attempt ended, written last: the truth for
//   scripts stop, save     made by a person: save at the next step, and end with 86 or go on
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "configs/error.hpp"
#include "configs/run_config.hpp"
#include "trainer/storage.hpp"

namespace ergon {

struct RunResult {
  ExitCode code = ExitCode::ok;
  std::string reason;  // a sentence
  std::int64_t step = 0, steps = 0;
  std::int64_t attempt = 0;
  std::optional<double> loss, validation_loss;
};

class RunFolder {
 public:
  RunFolder(Storage& storage, std::string path) : storage_(storage), path_(std::move(path)), stop_file_(path_ + "/stop"), save_file_(path_ + "/save") {}

  const std::string& path() const { return path_; }
  std::string config() const { return path_ + "/config.toml"; }
  std::string events() const { return path_ + "/events.jsonl"; }
  std::string ledger() const { return path_ + "/ledger.jsonl"; }
  std::string result() const { return path_ + "/result.json"; }
  const std::string& stop_file() const { return stop_file_; }
  const std::string& save_file() const { return save_file_; }

  bool started() const;  // has a ledger
  // What config.toml holds: of the newest attempt that began. Throws Error when it cannot be read or is no run file.
  RunConfig stored_config() const;
  void write_result(const RunResult& result) const;
  // Empty when there is none. Throws Error (ExitCode::data) for a file that is not a result.
  std::optional<RunResult> read_result() const;
  // FOLDER-2, FOLDER-3, ...: the first that does not exist. For --fresh, which never deletes.
  std::string fresh_sibling() const;

 private:
  Storage& storage_;
  std::string path_, stop_file_, save_file_;  // the last two are looked for at every step
};

}  // namespace ergon
