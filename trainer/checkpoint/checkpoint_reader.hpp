// SPDX-License-Identifier: Apache-2.0
// One checkpoint, opened to be looked at or carried elsewhere by one process: what its text files say, and its tensors whole. Training
// loads by CheckpointLoader instead, which steps back when something does not verify.
#pragma once

#include <string>

#include "configs/model_shape.hpp"
#include "trainer/checkpoint/format.hpp"
#include "trainer/checkpoint/lazy_tensor.hpp"
#include "trainer/storage.hpp"

namespace ergon {

// Whether the folder is that of a checkpoint: it has a manifest.
bool is_checkpoint(Storage& storage, const std::string& folder);
// The folder itself when it is a checkpoint's; of a run folder that of the newest checkpoint that verifies. `messages`: what was passed
// over and why. Throws Error (ExitCode::data) when there is none.
std::string checkpoint_folder(Storage& storage, const std::string& path, std::vector<std::string>& messages);

class CheckpointReader {
 public:
  // Reads and checks the text files; throws Corrupt. `storage` outlives this and the tensors.
  CheckpointReader(Storage& storage, std::string folder);

  const std::string& folder() const { return folder_; }
  const Manifest& manifest() const { return manifest_; }
  const CheckpointIndex& index() const { return *index_; }
  const std::string& state_text() const { return state_text_; }
  const RunState& state() const { return state_; }
  std::string provenance() const;  // JSON of an object; throws Corrupt where it is none
  // The model that wrote it, by its configuration.
  ModelShape model() const;

  // Whole, in order of their names; those whose name begins with `prefix`, which is taken off. A read throws Corrupt for a block that does
  // not match its checksum. They stay valid when this is gone.
  LazyTensors tensors(const std::string& prefix = "") const;

 private:
  Storage& storage_;
  std::string folder_;
  Manifest manifest_;
  std::shared_ptr<const CheckpointIndex> index_;
  std::string state_text_;
  RunState state_;
};

}  // namespace ergon
