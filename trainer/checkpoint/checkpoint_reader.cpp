// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/checkpoint_reader.hpp"

#include <ATen/ops/empty.h>

#include "configs/error.hpp"
#include "configs/parse.hpp"
#include "parallel/communicator_local.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/checkpoint/json.hpp"
#include "trainer/checkpoint/loader.hpp"
#include "trainer/checkpoint/piece_reader.hpp"

namespace ergon {

bool is_checkpoint(Storage& storage, const std::string& folder) { return storage.exists(folder + "/" + manifest_name); }

std::string checkpoint_folder(Storage& storage, const std::string& path, std::vector<std::string>& messages) {
  if (is_checkpoint(storage, path)) return path;
  if (!storage.exists(checkpoints_folder(path)))
    throw Error("this is neither a checkpoint nor a run folder with checkpoints", path,
                "name the folder of run.folder, or one of its checkpoints/step_... folders", ExitCode::data);
  const auto self = std::move(make_local_group(1).front());
  CheckpointLoader newest(storage, path, *self, Damaged::pass_over);
  const bool found = newest.open();
  messages.insert(messages.end(), newest.messages().begin(), newest.messages().end());
  if (!found) throw Error("this run has no checkpoint yet", path, "train until the first save (checkpoint.every)", ExitCode::data);
  return newest.folder();
}

CheckpointReader::CheckpointReader(Storage& storage, std::string folder)
    : storage_(storage), folder_(std::move(folder)), manifest_(check_manifest(storage, folder_)) {
  index_ = std::make_shared<CheckpointIndex>(
      parse_index(read_checked(storage, folder_, index_name, manifest_), folder_ + "/" + index_name, manifest_));
  state_text_ = read_checked(storage, folder_, state_name, manifest_);
  state_ = parse_state(state_text_, folder_ + "/" + state_name);
}

std::string CheckpointReader::provenance() const {
  std::string text = read_checked(storage_, folder_, provenance_name, manifest_);
  const std::string where = folder_ + "/" + provenance_name;
  if (!parse_json(text, where).is_object()) throw Corrupt("this JSON is no object", where);
  return text;
}

ModelShape CheckpointReader::model() const {
  return parse_run_text(state_.config, folder_ + "/" + state_name, {}, Purpose::describe).model;
}

LazyTensors CheckpointReader::tensors(const std::string& prefix) const {
  LazyTensors tensors;
  const auto reader = std::make_shared<PieceReader>(storage_, folder_);
  for (std::size_t i = 0; i < index_->tensors.size(); ++i) {
    const StoredTensor& stored = index_->tensors[i];
    if (stored.name.rfind(prefix, 0) != 0) continue;
    tensors.push_back({stored.name.substr(prefix.size()), stored.dtype, stored.shape, [reader, index = index_, i] {
                         const StoredTensor& stored = index->tensors[i];
                         const Piece piece = whole_piece(whole(stored.shape));
                         CheckpointTensor target{stored.name, stored.shape, piece, at::empty({piece.range.size()}, stored.dtype)};
                         reader->read(stored, target);
                         return target.data.view(stored.shape);
                       }});
  }
  return tensors;
}

}  // namespace ergon
