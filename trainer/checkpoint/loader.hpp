// SPDX-License-Identifier: Apache-2.0
// Loading on any mesh: rank 0 chooses the newest checkpoint of the lineage whose manifest verifies, every rank reads the parts of the
// pieces it needs, in whole CRC blocks, and checks them. No HDF5 call is made: index.json decides.
//
//   CheckpointLoader loader(storage, folder, control);
//   if (loader.open()) loader.load(tensors);   // loader.state(), loader.id() say what was loaded
//
// What does not verify is renamed to *.corrupt (or passed over), said in messages(), and the checkpoint before it is taken. A run whose
// checkpoints are all unusable is an Error (ExitCode::data) unless it may begin anew. All calls are collective over
// `control` and have the same outcome on every rank.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "parallel/communicator.hpp"
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/storage.hpp"

namespace ergon {

struct CheckpointIndex;

// What happens to a checkpoint that does not verify.
enum class Damaged {
  set_aside,  // renamed to *.corrupt; for the owner of the run
  pass_over,  // left as it is; for who only reads
};

// A run that had checkpoints, none of which can be loaded.
enum class Unusable {
  refuse,      // an Error: it never starts again from step 0 by itself
  begin_anew,  // somebody has asked for that
};

class CheckpointLoader {
 public:
  CheckpointLoader(Storage& storage, std::string run_folder, Communicator& control, Damaged damaged = Damaged::set_aside);
  ~CheckpointLoader();

  // False: this run has no checkpoint and never had one, or none that can be loaded (which is then said) and it may begin anew. A file that
  // cannot be read just now is an Error either way.
  bool open(Unusable unusable = Unusable::refuse);
  // Fills `data` of each tensor. Steps back as open() does when a block does not verify, so ask state() afterwards. Throws Error (data)
  // naming file and tensor for a tensor that the checkpoint lacks, another shape or dtype, a hole.
  void load(const std::vector<CheckpointTensor>& tensors);

  const RunState& state() const { return state_; }
  const CheckpointId& id() const { return id_; }
  const std::string& folder() const { return folder_; }
  const std::vector<std::string>& messages() const { return messages_; }  // equal on all ranks

 private:
  Storage& storage_;
  std::string run_folder_;
  Communicator& control_;
  const Damaged damaged_;
  std::set<std::string> passed_over_;  // rank 0
  std::string folder_;
  CheckpointId id_;
  RunState state_;
  std::unique_ptr<CheckpointIndex> index_;
  std::vector<std::string> messages_;
};

}  // namespace ergon
