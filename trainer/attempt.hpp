// SPDX-License-Identifier: Apache-2.0
// How a run begins or goes on: which folder, which attempt, what changed in its configuration, and whether anything is left to do. Decided
// by rank 0 from the files, equal on all ranks. The rules are those of resuming with a changed line (configs/resume.hpp).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "accounting/ledger.hpp"
#include "configs/run_config.hpp"
#include "parallel/communicator.hpp"
#include "parallel/local_attention.hpp"
#include "trainer/monitor.hpp"
#include "trainer/run_lock.hpp"
#include "trainer/storage.hpp"

namespace ergon {

struct ResumeOptions {
  bool fresh = false;                     // train in a new folder beside the old one
  bool restart = false;                   // the folder has a ledger but no usable checkpoint: begin at step 0 again, in the same folder
  std::vector<std::string> allow_change;  // keys whose change is recorded and accepted
};

struct Attempt {
  std::string folder;
  int number = 0;
  bool started_before = false;        // the folder holds an earlier attempt
  bool finished = false;              // the newest attempt reached train.steps: nothing to do, no attempt was claimed
  std::vector<ConfigChange> changes;  // since the attempt before
  // data.train and data.validation: where the attempt before has read a store whose relative name is not found from this working folder.
  std::vector<std::string> train, validation;
  std::string packing_table;  // data.packing_table likewise
};

// The run folder is ours from here on, for as long as `lock` lives; rank 0 holds it, and nobody does when there is nothing left to do.
struct BegunAttempt {
  Attempt attempt;
  std::unique_ptr<RunLock> lock;
};

// Collective. Takes the lock, and with it a number, and changes no other file: config.toml and result.json stay those of the attempt before
// until this one has loaded what it needs. Throws Error: another process trains here, a fixed key changed (ExitCode::data), a recorded key
// changed without --allow-change (config). `monitor` (rank 0, may be null) hears of waiting.
BegunAttempt begin_attempt(const RunConfig& config, const ResumeOptions& options, Storage& storage, Communicator& control,
                           LockTiming timing = {}, RunMonitor* monitor = nullptr);

// What the attempt before did after its last ledger line, read from events.jsonl, as ledger lines ready to append: with the batch, the mesh
// and the attention kernel of that attempt. Call on rank 0, before config.toml changes. present: this attempt's kernel, which stands in for
// one that cannot be asked here.
std::vector<LedgerLine> unbooked_work(const std::string& folder, Storage& storage, const LocalAttention& present);

}  // namespace ergon
