// SPDX-License-Identifier: Apache-2.0
#include "launch/bench_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <thread>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "launch/bench_ranks.hpp"
#include "launch/bench_result.hpp"
#include "launch/bench_rounds.hpp"
#include "parallel/communicator_local.hpp"
#include "trainer/data/loader.hpp"

namespace ergon {

using nlohmann::json;

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
  std::int64_t bytes = 0;
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
  Seconds time() {
    const Clock::time_point start = Clock::now();
    for (const auto& [file, offset, bytes] : reads_) storage_.pread(*file, std::span(buffer_).first(bytes), offset);
    return since(start);
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

Seconds read_all(const TokenSource& source, const std::vector<std::int64_t>& samples) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(source.sequence()) + 1), segments(tokens.size());
  const Clock::time_point start = Clock::now();
  for (const std::int64_t sample : samples) source.read(sample, tokens, segments);
  return since(start);
}

std::vector<std::int64_t> in_order(const TokenSource& source, std::int64_t count) {
  std::vector<std::int64_t> samples(static_cast<std::size_t>(count));
  SampleOrder(source, initial_data_state(source, 1)).next(samples);
  return samples;
}

struct Loaded {
  Seconds all;   // of every step, as fast as they come
  Seconds next;  // of one step that had been read ahead: what a training step waits for
};

Loaded load_all(const TokenSource& source, const DataJob& job, std::int64_t steps) {
  Communicators communicators(Mesh({}), std::move(make_local_group(1).front()));
  Loader loader(source, {job.batch, 1}, communicators, initial_data_state(source, 1));
  const Clock::time_point start = Clock::now();
  for (std::int64_t step = 0; step < steps; ++step) loader.next();
  const Seconds all = since(start);
  std::vector<double> waits;
  for (int step = 0; step < 20; ++step) {
    std::this_thread::sleep_for(clock_ticks({4 * all.value / static_cast<double>(steps)}));
    waits.push_back(loader.next().data_wait.value);
  }
  return {all, {median(waits)}};
}

struct Figures {
  std::vector<double> first, first_plain, steady, plain, loader, next;  // seconds, by round
  std::int64_t first_bytes = 0, early_bytes = 0;
  std::int64_t samples = 0, early = 0, used = 0;  // used: bytes of one sample
};

Figures measure(const DataJob& job, const InspectHdf5& inspect) {
  Figures figures;
  for (std::int64_t round = 0; round < job.rounds; ++round) {
    CountingStorage storage(inspect);
    const TokenSource source(job.stores, Split::train, job.sequence, storage);
    if (source.samples() < job.batch)
      throw Error(fmt::format("the stores hold {} samples of {} tokens, a step wants {}", source.samples(), job.sequence, job.batch),
                  "--batch", "name larger stores, or set --batch or --sequence lower", ExitCode::data);
    figures.samples = std::min(job.samples, source.samples()) / job.batch * job.batch;
    figures.early = std::max<std::int64_t>(1, figures.samples / 100);
    figures.used = (job.sequence + 1) * source.stores().front()->info().token_bytes;
    const std::vector<std::int64_t> samples = in_order(source, figures.samples);
    {
      // Which reads the windows are, from a source of its own that has checked them already.
      const TokenSource checked(job.stores, Split::train, job.sequence, storage);
      read_all(checked, samples);
      storage.noting = true;
      read_all(checked, samples);
      storage.noting = false;
    }
    PlainReads windows(storage.reads, storage);
    if (job.cold) windows.drop_cache();
    figures.first_plain.push_back(windows.time().value);
    if (job.cold) windows.drop_cache();
    storage.bytes = 0;
    const std::vector<std::int64_t> early(samples.begin(), samples.begin() + figures.early),
        rest(samples.begin() + figures.early, samples.end());
    const Seconds of_early = read_all(source, early);
    figures.early_bytes = storage.bytes;
    figures.first.push_back((of_early + read_all(source, rest)).value);
    figures.first_bytes = storage.bytes;
    figures.plain.push_back(windows.time().value);
    figures.steady.push_back(read_all(source, samples).value);
    const Loaded loaded = load_all(source, job, figures.samples / job.batch);
    figures.loader.push_back(loaded.all.value);
    figures.next.push_back(loaded.next.value);
  }
  return figures;
}

}  // namespace

json bench_data(const DataJob& job, const InspectHdf5& inspect) {
  const Figures figures = measure(job, inspect);
  const double used = static_cast<double>(figures.samples * figures.used);
  const auto speed = [&](const char* name, const std::vector<double>& seconds, const std::vector<double>& plain) {
    json row = case_row(name, used / median(seconds) / 1e6, "MB/s");
    set_baseline(row, "plain pread of the same windows", used / median(plain) / 1e6);
    row["each"] = seconds;
    return row;
  };
  const auto bytes_read = [&](const char* name, std::int64_t bytes, std::int64_t samples) {
    json row = case_row(name, static_cast<double>(bytes) / static_cast<double>(samples * figures.used), "bytes read per byte used");
    row["samples"] = samples;
    return row;
  };
  json next = case_row("a step that was read ahead", median(figures.next), "s");
  next["each"] = figures.next;
  return {{"schema", "ergon.bench.v1"},
          {"name", "data"},
          {"machine", bench_machine()},
          {"job",
           {{"stores", job.stores},
            {"sequence", job.sequence},
            {"samples", figures.samples},
            {"batch", job.batch},
            {"rounds", job.rounds},
            {"cold", job.cold}}},
          {"cases",
           {speed("first touch", figures.first, figures.first_plain), speed("steady", figures.steady, figures.plain),
            speed("steady, through the loader", figures.loader, figures.plain),
            bytes_read("first touch, all samples", figures.first_bytes, figures.samples),
            bytes_read("first touch, the first hundredth of the samples", figures.early_bytes, figures.early), next}}};
}

std::string data_text(const json& result) {
  std::string text;
  for (const json& row : result.at("cases")) {
    text += fmt::format("{:<50} {:>10.4g} {}", row.at("case").get<std::string>(), row.at("value").get<double>(),
                        row.at("unit").get<std::string>());
    if (row.contains("ratio") && !row.at("ratio").is_null())
      text += fmt::format("  {:.2f} x {}", row.at("ratio").get<double>(), row.at("baseline").at("name").get<std::string>());
    text += "\n";
  }
  return text;
}

}  // namespace ergon
