// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/checkpoint.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "launch/bench/job.hpp"
#include "launch/bench/pytorch_script.hpp"
#include "launch/bench/rivals.hpp"
#include "launch/bench/rounds.hpp"
#include "launch/child_process.hpp"
#include "launch/hdf5_helper.hpp"
#include "parallel/communicator_local.hpp"
#include "trainer/checkpoint/background_save.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/checkpoint/loader.hpp"
#include "trainer/checkpoint/model_tensors.hpp"
#include "trainer/checkpoint/verify.hpp"
#include "trainer/process.hpp"
#include "trainer/step.hpp"

namespace ergon {
namespace {

using nlohmann::json;

// A folder of its own below job.folder, gone with this object.
class BenchFolder {
 public:
  BenchFolder(Storage& storage, const std::string& parent)
      : storage_(storage), path_(fmt::format("{}/ergon-bench-{}", parent, ::getpid())) {
    storage_.make_directory(path_);
  }
  BenchFolder(const BenchFolder&) = delete;
  BenchFolder& operator=(const BenchFolder&) = delete;
  ~BenchFolder() {
    try {
      for (const char* part : {"/checkpoints", ""}) clear(path_ + part);
    } catch (const Error&) {
      // What is left says so by its name.
    }
  }
  const std::string& path() const { return path_; }
  void remove(const std::string& checkpoint) { storage_.remove_directory(checkpoint); }

 private:
  void clear(const std::string& folder) {
    if (!storage_.exists(folder)) return;
    if (folder != path_)
      for (const std::string& name : storage_.list(folder))
        if (name != "latest") storage_.remove_directory(folder + "/" + name);
    storage_.remove_directory(folder);
  }
  Storage& storage_;
  const std::string path_;
};

class CheckpointBench {
 public:
  explicit CheckpointBench(const CheckpointBenchJob& job)
      : job_(job),
        config_(bench_config({job.overrides, job.threads, job.rounds, {}, "", ""})),
        storage_(hdf5_helper()),
        folder_(storage_, job.folder),
        communicators_(Mesh({}), std::move(make_local_group(1).front())),
        replica_(config_, communicators_),
        batch_(synthetic_batch(config_)),
        tensors_(model_tensors(replica_.parameters, replica_.first_moment, replica_.second_moment, 1, 0)),
        saver_(std::make_shared<CheckpointSaver>(
            storage_, SaverOptions{folder_.path(), run_identity(storage_, folder_.path()), 1, 0, {0}, {}, [] {}})),
        background_(saver_, {3600}) {
    saver_->reserve(tensors_);
    train();  // buffers of the first step
  }

  CheckpointBenchFigures run() {
    for (std::int64_t round = 1; round <= job_.rounds; ++round) {
      if (round % 2 == 1) save();
      dd();
      if (round % 2 == 0) save();
      beside();
      if (!job_.against.empty()) pytorch();
      fmt::print(stderr, "round {}/{}: save {:.2f} s, dd {:.2f} s, blocked {:.3f} s\n", round, job_.rounds, figures_.save.back(),
                 figures_.dd.back(), figures_.blocked.back());
    }
    return figures_;
  }

 private:
  double train(const StepCalls& calls = {}) {
    const Clock::time_point start = Clock::now();
    run_step(replica_, batch_, ++step_, {}, calls);
    return since(start).value;
  }
  RunState state() const {
    RunState state;
    state.step = step_;
    return state;
  }
  static const SaveResult& good(const SaveResult& result) {
    if (result.error) throw Error(*result.error);
    return result;
  }

  // What the case before has left to the device is not counted with the next one.
  void settle() { storage_.sync_directory(folder_.path()); }

  // Then loads what was written, and reads its shard as any program would.
  void save() {
    train();
    settle();
    const SaveResult result = good(saver_->save(tensors_, state(), *communicators_.control));
    figures_.save.push_back(result.seconds.value);
    figures_.phases.push_back(result.spent);
    const std::string shard = result.folder + "/shard_0000.h5";
    figures_.bytes = {storage_.size(shard)};
    const Clock::time_point start = Clock::now();
    const std::vector<std::string> problems = verify_checkpoint(storage_, result.folder, VerifyDepth::bytes);
    ERGON_CHECK(problems.empty(), "{}", problems.front());
    figures_.verify.push_back(since(start).value);
    // In turn: what the host still writes of the save slows whoever comes first.
    if (figures_.save.size() % 2 == 1) load(shard);
    read(shard);
    if (figures_.save.size() % 2 == 0) load(shard);
    folder_.remove(result.folder);
  }
  void load(const std::string& shard) {
    forget(shard);
    const Clock::time_point start = Clock::now();
    CheckpointLoader loader(storage_, folder_.path(), *communicators_.control);
    ERGON_CHECK(loader.open(), "the checkpoint of step {} is not found", step_);
    loader.load(tensors_);
    figures_.load.push_back(since(start).value);
  }
  void read(const std::string& shard) {
    forget(shard);
    const Clock::time_point start = Clock::now();
    const Storage::File file = storage_.open_read(shard);
    std::vector<std::byte> block(1 << 20);
    for (std::int64_t at = 0; at < figures_.bytes.value; at += std::ssize(block)) {
      block.resize(static_cast<std::size_t>(std::min<std::int64_t>(1 << 20, figures_.bytes.value - at)));
      storage_.pread(file, block, at);
    }
    figures_.read.push_back(since(start).value);
  }
  void forget(const std::string& path) { storage_.drop_cache(storage_.open_read(path)); }

  void dd() {
    const std::string file = folder_.path() + "/dd";
    settle();
    const Clock::time_point start = Clock::now();
    output_of({"dd", "if=/dev/zero", "of=" + file, "bs=1M", fmt::format("count={}", (figures_.bytes.value + (1 << 20) - 1) >> 20),
               "conv=fsync", "status=none"});
    figures_.dd.push_back(since(start).value);
    storage_.unlink(file);
  }

  void beside() {
    std::vector<double> alone, while_writing;
    for (int i = 0; i < 3; ++i) alone.push_back(train());
    Clock::time_point start = Clock::now();
    background_.start(tensors_, state());
    Seconds blocked = since(start);
    const StepCalls calls = {{}, {}, [&] {
                               const Clock::time_point waits = Clock::now();
                               background_.wait_copied();
                               blocked += since(waits);
                               return since(waits);
                             }};
    do while_writing.push_back(train(calls));
    while (background_.writing());
    start = Clock::now();
    const SaveResult result = good(background_.commit(*communicators_.control));
    figures_.blocked.push_back((blocked + since(start)).value);
    background_.wait_idle();
    figures_.copy.push_back(background_.seconds().copy.value);
    figures_.write.push_back(background_.seconds().write.value);
    const double usual = median(alone);
    double slowed = 0;
    for (const double seconds : while_writing) slowed += seconds - usual;
    figures_.slowed.push_back(slowed);
    figures_.steps.push_back(static_cast<double>(while_writing.size()));
    if (while_writing.size() > 1) while_writing.pop_back();  // of the last one the writing is only a part
    figures_.step_alone.push_back(usual);
    figures_.step_beside.push_back(median(while_writing));
    folder_.remove(result.folder);
  }

  void pytorch() {
    json shapes = json::array();
    for (const CheckpointTensor& tensor : tensors_) shapes.push_back(tensor.data.numel());
    const json question = {{"folder", folder_.path() + "/pytorch"}, {"elements", shapes}, {"threads", job_.threads}};
    const json answer = json::parse(output_of({python_with_torch(job_.python), "-c", bench_pytorch_checkpoint_script, question.dump()}));
    figures_.torch_save.push_back(answer.at("torch_save"));
    figures_.torch_load.push_back(answer.at("torch_load"));
    figures_.distributed_save.push_back(answer.at("distributed_save"));
    figures_.distributed_load.push_back(answer.at("distributed_load"));
  }

  const CheckpointBenchJob& job_;
  const RunConfig config_;
  Storage storage_;
  BenchFolder folder_;
  Communicators communicators_;
  Replica replica_;
  const StepBatch batch_;
  const std::vector<CheckpointTensor> tensors_;
  std::shared_ptr<CheckpointSaver> saver_;
  BackgroundSave background_;
  std::int64_t step_ = 0;
  CheckpointBenchFigures figures_;
};

}  // namespace

CheckpointBenchFigures bench_checkpoint(const CheckpointBenchJob& job) {
  prepare_process(job.threads);
  if (!job.against.empty()) (void)python_with_torch(job.python);
  return CheckpointBench(job).run();
}

}  // namespace ergon
