// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/saver.hpp"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>
#include <hdf5.h>
#include <sys/utsname.h>

#include <cstring>
#include <ctime>
#include <utility>

#include "configs/clock.hpp"
#include "trainer/checkpoint/agreement.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/checkpoint/json.hpp"
#include "trainer/checkpoint/new_folder.hpp"
#include "trainer/storage_link.hpp"

namespace ergon {

struct CheckpointSaver::Snapshot {
  std::vector<CheckpointTensor> tensors;
  std::vector<at::Tensor> buffers;  // of the copies, kept from save to save
  RunState state;
  std::string name;       // of the folder once committed
  std::string temporary;  // path of the folder until then
  ShardTable table;
  StoredFile state_file;  // on rank 0
  SaveSeconds spent;
  std::optional<Failure> failure;
  bool pending = false;  // a snapshot waits for commit
  bool written = false;
  Clock::time_point start;
};

namespace {

std::string provenance(const SaverOptions& options, int ranks, const RunState& state) {
  utsname system;
  ERGON_CHECK(::uname(&system) == 0, "uname failed");
  const std::time_t now = std::time(nullptr);
  std::tm utc;
  ::gmtime_r(&now, &utc);
  char time[32];
  std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &utc);
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  const Json json{
      {"schema", "ergon.checkpoint_provenance.v1"},
      {"time", time},
      {"host", system.nodename},
      {"system", fmt::format("{} {} {}", system.sysname, system.release, system.machine)},
      {"ranks", ranks},
      {"attempt", options.attempt},
      {"binary", state.binary},
      {"cpu", state.cpu},
      {"hdf5", fmt::format("{}.{}.{}", major, minor, release)},
  };
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Any rank, whichever comes first.
void begin_folder(Storage& storage, const std::string& temporary) {
  storage.make_directories(parent_folder(temporary));
  ensure_directory(storage, temporary);
}

// What rank 0 does once every shard and the state are on disk: everything else that makes the temporary folder a checkpoint, in the order
// that a crash at any point survives.
Manifest finish(Storage& storage, const SaverOptions& options, const RunState& state, const StoredFile& state_file,
                const std::string& temporary, const std::vector<ShardTable>& tables) {
  Manifest manifest{{make_uuid(), state.step, options.attempt}, options.parent, options.run_uuid, state.health, {}};
  for (const ShardTable& table : tables) {
    if (table.file) manifest.files.push_back(*table.file);
  }
  manifest.files.push_back(write_checked(storage, temporary, index_name, to_text(merge(tables))));
  manifest.files.push_back(state_file);
  manifest.files.push_back(write_checked(storage, temporary, provenance_name, provenance(options, static_cast<int>(tables.size()), state)));
  write_checked(storage, temporary, manifest_name, to_text(manifest));
  storage.sync_directory(temporary);  // the names of all files, shards too
  return manifest;
}

void publish(Storage& storage, const std::string& run_folder, const std::string& temporary, const std::string& name) {
  const std::string folder = checkpoints_folder(run_folder);
  const std::string final_path = folder + "/" + name;
  if (storage.exists(final_path)) {
    throw Error("this step is already saved by this attempt", final_path, "after a rollback claim a new attempt", ExitCode::data);
  }
  storage.rename(temporary, final_path);
  try {
    storage.sync_directory(folder);
  } catch (const Error&) {
    storage.rename(final_path, temporary);  // a rename that may be lost is no commit
    throw;
  }
}

// Removes what a failed save has left; a failure to do so is a message, not an error on top of one.
void drop_temporary(Storage& storage, const std::string& temporary, std::vector<std::string>& messages) {
  try {
    if (storage.exists(temporary)) storage.remove_directory(temporary);
  } catch (const Error& error) {
    messages.push_back(fmt::format("could not remove {}: {}", temporary, error.problem()));
  }
}

std::vector<CheckpointTensor> written_here(const std::vector<CheckpointTensor>& tensors) {
  std::vector<CheckpointTensor> mine;
  for (const CheckpointTensor& tensor : tensors)
    if (tensor.writes_here) mine.push_back(tensor);
  return mine;
}

bool fits(const at::Tensor& buffer, const at::Tensor& data) {
  return buffer.defined() && buffer.sizes() == data.sizes() && buffer.scalar_type() == data.scalar_type();
}

at::TensorOptions on_host(const at::Tensor& data) { return data.options().device(at::kCPU); }

// By one thread: what computes beside it keeps its processors.
void copy_to_host(const at::Tensor& buffer, const at::Tensor& data) {
  if (!data.is_cpu() || !data.is_contiguous())
    buffer.copy_(data);
  else if (data.nbytes() > 0)  // an empty one may have no address
    std::memcpy(buffer.mutable_data_ptr(), data.const_data_ptr(), data.nbytes());
}

// What commit leaves on rank 0, as one text for the others.
std::string to_text(const CheckpointId& id, Bytes bytes) { return Json::array({id.uuid, id.step, id.attempt, bytes.value}).dump(); }

}  // namespace

CheckpointSaver::CheckpointSaver(Storage& storage, SaverOptions options)
    : storage_(storage), options_(std::move(options)), snapshot_(std::make_unique<Snapshot>()) {}

CheckpointSaver::~CheckpointSaver() = default;

void CheckpointSaver::reserve(const std::vector<CheckpointTensor>& tensors) {
  snapshot_->buffers.clear();
  for (const CheckpointTensor& tensor : written_here(tensors))
    snapshot_->buffers.push_back(at::zeros_like(tensor.data, on_host(tensor.data), at::MemoryFormat::Contiguous));
}

Bytes CheckpointSaver::reserved() const {
  Bytes bytes;
  for (const at::Tensor& buffer : snapshot_->buffers) bytes += Bytes{static_cast<std::int64_t>(buffer.nbytes())};
  return bytes;
}

void CheckpointSaver::snapshot(const std::vector<CheckpointTensor>& tensors, RunState state, SnapshotMode mode) {
  Snapshot& snapshot = *snapshot_;
  ERGON_CHECK(!snapshot.pending, "a snapshot is taken while the one of step {} waits for its commit", snapshot.state.step);
  snapshot.start = Clock::now();
  snapshot.name = checkpoint_name(state.step, options_.attempt);
  snapshot.temporary = fmt::format("{}/{}.tmp{}", checkpoints_folder(options_.run_folder), snapshot.name, ++saves_);
  snapshot.state = std::move(state);
  snapshot.table = {};
  snapshot.spent = {};
  snapshot.failure.reset();
  snapshot.tensors = written_here(tensors);
  snapshot.buffers.resize(snapshot.tensors.size());
  for (std::size_t i = 0; i < snapshot.tensors.size(); ++i) {
    at::Tensor &buffer = snapshot.buffers[i], &data = snapshot.tensors[i].data;
    if (mode == SnapshotMode::view && data.is_cpu()) continue;  // what is written comes from host memory
    if (!fits(buffer, data)) buffer = at::empty_like(data, on_host(data), at::MemoryFormat::Contiguous);
    copy_to_host(buffer, data);
    data = buffer;
  }
  snapshot.spent.copy = since(snapshot.start);
  snapshot.pending = true;
  snapshot.written = false;
}

void CheckpointSaver::write() {
  Snapshot& snapshot = *snapshot_;
  ERGON_CHECK(snapshot.pending && !snapshot.written, "write() without a snapshot");
  snapshot.written = true;
  try {
    begin_folder(storage_, snapshot.temporary);
    snapshot.table = write_shard(storage_, snapshot.temporary, shard_name(options_.rank), snapshot.tensors, &snapshot.spent.shard);
    if (options_.rank == 0) snapshot.state_file = write_checked(storage_, snapshot.temporary, state_name, ergon::to_text(snapshot.state));
  } catch (const std::exception&) {
    snapshot.failure = current_failure();
  }
}

SaveResult CheckpointSaver::commit(Communicator& control) {
  Snapshot& snapshot = *snapshot_;
  ERGON_CHECK(snapshot.pending && snapshot.written, "commit() without snapshot() and write()");
  snapshot.pending = false;
  const Clock::time_point start = Clock::now();
  const bool first = control.rank() == 0;
  SaveResult result;
  std::string summary;
  std::optional<Failure> failure = agree(control, snapshot.failure);
  if (!failure) {
    const std::vector<std::string> texts = gather_text(control, ergon::to_text(snapshot.table));
    std::optional<Failure> mine;
    if (first) {
      try {
        std::vector<ShardTable> tables;
        for (const std::string& text : texts) tables.push_back(parse_shard_table(text));
        const Manifest manifest = finish(storage_, options_, snapshot.state, snapshot.state_file, snapshot.temporary, tables);
        options_.check_owner();
        publish(storage_, options_.run_folder, snapshot.temporary, snapshot.name);
        for (const StoredFile& file : manifest.files) result.bytes += Bytes{file.bytes};
        summary = to_text(manifest.id, result.bytes);
      } catch (const std::exception&) {
        mine = current_failure();
      }
    }
    failure = agree(control, mine);
  }
  if (failure) {
    result.error = failure->error();
    if (first) drop_temporary(storage_, snapshot.temporary, result.messages);
  } else {
    const Json json = Json::parse(broadcast_text(control, summary));
    result.id = {json.at(0).get<std::string>(), json.at(1).get<std::int64_t>(), json.at(2).get<int>()};
    result.bytes = {json.at(3).get<std::int64_t>()};
    result.folder = checkpoints_folder(options_.run_folder) + "/" + snapshot.name;
    options_.parent = result.id;
  }
  snapshot.spent.commit = since(start);
  result.spent = snapshot.spent;
  result.seconds = since(snapshot.start);
  return result;
}

void CheckpointSaver::discard() {
  if (!std::exchange(snapshot_->pending, false)) return;
  std::vector<std::string> ignored;  // what stays is removed by the next attempt
  drop_temporary(storage_, snapshot_->temporary, ignored);
}

SaveResult CheckpointSaver::save(const std::vector<CheckpointTensor>& tensors, RunState state, Communicator& control) {
  snapshot(tensors, std::move(state), SnapshotMode::view);
  write();
  SaveResult result = commit(control);
  snapshot_->tensors.clear();
  if (result.error) return result;
  std::optional<Failure> lost;
  if (control.rank() == 0) {
    Retained retained = retain();
    result.messages.insert(result.messages.end(), retained.messages.begin(), retained.messages.end());
    if (!retained.damaged.empty())
      lost = Failure{"what was saved does not read back: " + retained.why, result.folder,
                     "the disk of run.folder loses what is written to it; the checkpoint before counts"};
  }
  if (const auto failure = agree(control, lost)) result.error = failure->error();
  return result;
}

Retained CheckpointSaver::retain() {
  std::vector<std::string> messages;
  try {
    options_.check_owner();
    write_hint(storage_, options_.run_folder, snapshot_->name, messages);
  } catch (const Error& error) {
    return {{fmt::format("`latest` and retention are left to the owner: {} ({})", error.problem(), error.where())}, "", ""};
  }
  if (options_.retention.keep == 0) return {messages, "", ""};
  Retained retained = retain_checkpoints(storage_, options_.run_folder, options_.retention, options_.check_owner);
  retained.messages.insert(retained.messages.begin(), messages.begin(), messages.end());
  if (retained.damaged != snapshot_->name) retained.damaged.clear();
  return retained;
}

}  // namespace ergon
