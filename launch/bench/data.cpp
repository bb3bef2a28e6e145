// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "launch/bench/data_store.hpp"
#include "launch/bench/job.hpp"
#include "parallel/communicator_local.hpp"
#include "trainer/data/batch_exchange.hpp"
#include "trainer/data/loader.hpp"
#include "trainer/process.hpp"
#include "trainer/step.hpp"

namespace ergon {
namespace {

// Counts what is read, and notes each read where that is asked.
class CountingStorage final : public Storage {
 public:
  struct Read {
    std::string path;
    std::int64_t offset;
    std::size_t bytes;
  };
  using Storage::Storage;
  void pread(const File& file, std::span<std::byte> data, std::int64_t offset) override {
    bytes += std::ssize(data);
    if (noting) reads.push_back({file.path(), offset, data.size()});
    Storage::pread(file, data, offset);
  }
  std::atomic<std::int64_t> bytes = 0;
  bool noting = false;
  std::vector<Read> reads;
};

// The reads themselves and nothing else.
class PlainReads {
 public:
  PlainReads(const std::vector<CountingStorage::Read>& reads, Storage& storage) : storage_(storage) {
    for (const auto& read : reads) {
      if (!files_.contains(read.path)) files_.emplace(read.path, storage.open_read(read.path));
      reads_.push_back({&files_.at(read.path), read.offset, read.bytes});
      buffer_.resize(std::max(buffer_.size(), read.bytes));
    }
  }
  double time() {
    const Clock::time_point start = Clock::now();
    for (const auto& [file, offset, bytes] : reads_) storage_.pread(*file, std::span(buffer_).first(bytes), offset);
    return since(start).value;
  }
  void drop_cache() {
    for (const auto& [path, file] : files_) storage_.drop_cache(file);
  }

 private:
  struct Read {
    const Storage::File* file;
    std::int64_t offset;
    std::size_t bytes;
  };
  Storage& storage_;
  std::map<std::string, Storage::File> files_;
  std::vector<Read> reads_;
  std::vector<std::byte> buffer_;
};

double read_all(const TokenSource& source, std::span<const std::int64_t> samples) {
  std::vector<std::byte> ids(static_cast<std::size_t>((source.sequence() + 1) * source.token_bytes()));
  const Clock::time_point start = Clock::now();
  for (const std::int64_t sample : samples) source.read(sample, ids, nullptr);
  return since(start).value;
}

RunConfig model_config(const DataJob& job, const TokenSource& source) {
  return bench_config({{"model.layers=4", "model.width=256", "model.heads=4", fmt::format("model.sequence={}", job.sequence),
                        fmt::format("model.vocabulary={}", source.vocabulary()), fmt::format("train.batch={}", job.model_batch),
                        fmt::format("train.microbatch={}", job.model_batch)},
                       job.threads,
                       job.rounds,
                       {},
                       "",
                       ""});
}

class DataBench {
 public:
  DataBench(const DataJob& job, const InspectHdf5& inspect)
      : job_(job),
        storage_(inspect),
        catalogue_(read_store_catalogue(job.stores, storage_)),
        touched_(open()),
        communicators_(Mesh({}), std::move(make_local_group(1).front())) {
    if (touched_.samples() < job.batch)
      throw Error(fmt::format("the stores hold {} samples of {} tokens, a step wants {}", touched_.samples(), job.sequence, job.batch),
                  "--batch", "name larger stores, or set --batch or --sequence lower", ExitCode::data);
    figures_.samples = std::min(job.samples, touched_.samples()) / job.batch * job.batch;
    figures_.early = std::max<std::int64_t>(1, figures_.samples / 100);
    figures_.used = (job.sequence + 1) * touched_.stores().front()->info().token_bytes;
    samples_.resize(static_cast<std::size_t>(figures_.samples));
    SampleOrder(touched_, state()).next(samples_);
    // Which reads the windows are, once their blocks are checked.
    read_all(touched_, samples_);
    storage_.noting = true;
    read_all(touched_, samples_);
    storage_.noting = false;
    windows_.emplace(storage_.reads, storage_);
  }

  DataFigures run() {
    const std::function<void()> cases[] = {[this] { figures_.plain.push_back(windows_->time()); },
                                           [this] { figures_.steady.push_back(read_all(touched_, samples_)); }, [this] { load(); },
                                           [this] { parts(); }};
    constexpr auto count = static_cast<std::int64_t>(std::size(cases));
    for (std::int64_t round = 0; round < job_.rounds; ++round) {
      first_touch();
      for (std::int64_t i = 0; i < count; ++i) cases[(round + i) % count]();
    }
    train();
    return figures_;
  }

 private:
  TokenSource open() { return TokenSource(catalogue_, job_.stores, Split::train, job_.sequence, storage_); }
  DataState state() const { return initial_data_state(touched_, 1); }
  LoaderShape shape(std::int64_t batch) const { return {.microbatch = batch, .token_bytes = touched_.token_bytes()}; }
  std::int64_t steps() const { return figures_.samples / job_.batch; }

  void first_touch() {
    const TokenSource untouched = open();
    if (job_.cold) windows_->drop_cache();
    figures_.first_plain.push_back(windows_->time());
    if (job_.cold) windows_->drop_cache();
    storage_.bytes = 0;
    const auto early = static_cast<std::size_t>(figures_.early);
    const double of_early = read_all(untouched, std::span(samples_).first(early));
    figures_.early_bytes = storage_.bytes;
    figures_.first.push_back(of_early + read_all(untouched, std::span(samples_).subspan(early)));
    figures_.first_bytes = storage_.bytes;
  }

  // From its start, so that nothing has been read ahead that is not counted.
  void load() {
    const Clock::time_point start = Clock::now();
    Loader loader(touched_, shape(job_.batch), communicators_, state());
    for (std::int64_t step = 0; step < steps(); ++step) loader.next();
    figures_.loader.push_back(since(start).value);
  }

  void parts() {
    StepReader reader(touched_, shape(job_.batch), 1, 0, {});
    BatchExchange exchange(communicators_, reader, shape(job_.batch), job_.sequence);
    const at::Tensor payload = reader.make_payload();
    StepCounts counts;
    const auto every_step = [&](const auto& work) {
      const Clock::time_point start = Clock::now();
      for (std::int64_t step = 0; step < steps(); ++step)
        work(std::span<const std::int64_t>(samples_).subspan(static_cast<std::size_t>(step * job_.batch),
                                                             static_cast<std::size_t>(job_.batch)));
      return since(start).value;
    };
    figures_.labels.push_back(every_step([&](auto samples) { counts = reader.fill(samples, samples, payload); }));
    figures_.tensors.push_back(every_step([&](auto) {
      exchange.post(payload, counts);
      exchange.complete();
    }));
    SampleOrder order(touched_, state());
    std::vector<std::int64_t> samples(static_cast<std::size_t>(job_.batch));
    figures_.order.push_back(every_step([&](auto) { order.next(samples); }));
  }

  // A step more than rounds: the first touches the model's memory.
  void train() {
    const RunConfig config = model_config(job_, touched_);
    prepare_process(config.run.threads);
    Replica replica(config, communicators_);
    Loader loader(touched_, shape(job_.model_batch), communicators_, state());
    figures_.model_tokens = job_.model_batch * job_.sequence;
    for (std::int64_t step = 1; step <= job_.rounds + 1; ++step) {
      const Clock::time_point start = Clock::now();
      const StepBatch& batch = loader.next();
      const double seen = since(start).value;
      run_step(replica, batch, step);
      if (step == 1) continue;
      figures_.seen.push_back(seen);
      figures_.step.push_back(since(start).value);
    }
  }

  const DataJob& job_;
  CountingStorage storage_;
  const StoreCatalogue catalogue_;
  const TokenSource touched_;
  Communicators communicators_;
  std::vector<std::int64_t> samples_;
  std::optional<PlainReads> windows_;
  DataFigures figures_;
};

}  // namespace

DataFigures measure_data(const DataJob& job, const InspectHdf5& inspect) {
  if (!job.stores.empty()) return DataBench(job, inspect).run();
  const GeneratedStore store(job.folder, job.generated);
  DataJob of_generated = job;
  of_generated.stores = {store.path()};
  return DataBench(of_generated, inspect).run();
}

}  // namespace ergon
