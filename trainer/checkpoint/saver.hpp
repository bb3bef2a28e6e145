// SPDX-License-Identifier: Apache-2.0
// Saving, in three calls, so that the slow middle can leave the main thread:
//   snapshot(tensors, state)  copies what this rank writes into buffers kept from save to save; any thread, while the tensors stay
//   write()                   any thread, no MPI, and no HDF5 after the layout: one shard file of this rank, synced, with a CRC32C per
//                             1 MiB block; rank 0 the state too
//   commit(control)           main thread at a step boundary: all ranks agree that every write succeeded; rank 0 writes index, provenance
//                             and manifest, renames the folder and syncs its parent. Until that rename no reader sees it.
// Every rank makes the same calls in the same order. A failure on any rank is the same SaveResult.error on all of them: the temporary
// folder is removed, older checkpoints are untouched, training may go on and the next save starts afresh.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "configs/error.hpp"
#include "parallel/communicator.hpp"
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/checkpoint/retention.hpp"
#include "trainer/checkpoint/shard_file.hpp"
#include "trainer/storage.hpp"

namespace ergon {

struct SaverOptions {
  std::string run_folder;
  std::string run_uuid;  // run_identity() of lineage.hpp
  int attempt = 1;       // RunLock::attempt()
  int rank = 0;
  RetentionRules retention;
  std::optional<CheckpointId> parent;  // what this attempt continued from: loader.id()
  // Throws when this attempt no longer owns the run (RunLock::check); asked on rank 0 before a commit and before each deletion, on the
  // thread that makes it.
  std::function<void()> check_owner = [] {};
};

// Where the time of a save went on this rank, in the order of the calls.
struct SaveSeconds {
  Seconds copy;        // snapshot()
  ShardSeconds shard;  // write()
  Seconds commit;      // commit(): agreement, the texts, the rename
};

struct SaveResult {
  std::string folder;  // of the committed checkpoint; empty when the save failed
  CheckpointId id;
  Bytes bytes = {};                   // of all files
  Seconds seconds = {};               // snapshot to commit, as this rank saw it
  SaveSeconds spent = {};             // of them; what is missing passed between the calls
  std::optional<Error> error;         // why nothing was committed, the same on every rank
  std::vector<std::string> messages;  // on rank 0: what retention did, and what went wrong without harm
};

enum class SnapshotMode {
  copy,  // the tensors may change as soon as snapshot returns
  view,  // the tensors stay as they are until commit: no memory is taken
};

class CheckpointSaver {
 public:
  CheckpointSaver(Storage& storage, SaverOptions options);
  ~CheckpointSaver();

  // Takes the memory of the copies and touches it: a run that has no room for them ends at its start.
  void reserve(const std::vector<CheckpointTensor>& tensors);
  Bytes reserved() const;

  void snapshot(const std::vector<CheckpointTensor>& tensors, RunState state, SnapshotMode mode = SnapshotMode::copy);
  void write();  // a failure is kept for commit
  SaveResult commit(Communicator& control);
  // This rank alone: gives up a snapshot that will not be committed, and removes its folder as far as the disk allows.
  void discard();

  // A blocking save: the three in a row without a copy, then retention. One that does not read back has failed.
  SaveResult save(const std::vector<CheckpointTensor>& tensors, RunState state, Communicator& control);
  // After a commit, rank 0 alone, any thread: names the checkpoint in `latest`, re-reads it from the device, then deletes what is no longer
  // wanted (retention.hpp). `damaged` is this checkpoint or none.
  Retained retain();

 private:
  struct Snapshot;
  Storage& storage_;
  SaverOptions options_;
  std::unique_ptr<Snapshot> snapshot_;
  int saves_ = 0;
};

}  // namespace ergon
