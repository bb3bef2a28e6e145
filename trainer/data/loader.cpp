// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/loader.hpp"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "trainer/data/batch_exchange.hpp"
#include "trainer/data/sampler.hpp"

namespace ergon {
namespace {

int dp_size(const Communicators& communicators) { return communicators.mesh.size(Axis::dp); }
int dp_rank(const Communicators& communicators) { return communicators.mesh.coordinate(communicators.world->rank(), Axis::dp); }

// Walks the ordinals of a run, a batch at a time.
class OrdinalWalk {
 public:
  OrdinalWalk(const DataState& state, std::int64_t samples, std::int64_t batch)
      : skips_(state.skip_ranges), ordinal_(state.epoch * samples + state.index), batch_(static_cast<std::size_t>(batch)) {}

  std::span<const std::int64_t> next() {
    for (std::int64_t& ordinal : batch_) {
      ordinal_ = skip_forward(skips_, ordinal_);
      ordinal = ordinal_++;
    }
    return batch_;
  }
  std::int64_t place() const { return ordinal_; }  // of the next sample

 private:
  std::vector<DataState::Skip> skips_;
  std::int64_t ordinal_;
  std::vector<std::int64_t> batch_;
};

// Reads steps ahead on a thread of its own, into a fixed set of payloads. The thread calls pread, never MPI.
class Prefetcher {
 public:
  struct Step {
    at::Tensor payload;
    StepCounts counts;
  };

  Prefetcher(StepReader& reader, const Sampler& sampler, OrdinalWalk walk, std::int64_t depth)
      : reader_(reader), sampler_(sampler), walk_(std::move(walk)) {
    for (std::int64_t i = 0; i < depth + 1; ++i) free_.push_back(reader.make_payload());
    thread_ = std::thread([this] { run(); });
  }
  ~Prefetcher() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  Step take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !ready_.empty() || failure_; });
    if (ready_.empty()) std::rethrow_exception(failure_);
    Step step = ready_.front();
    ready_.pop_front();
    return step;
  }

  void give_back(at::Tensor payload) {
    {
      const std::lock_guard lock(mutex_);
      free_.push_back(std::move(payload));
    }
    changed_.notify_all();
  }

 private:
  void run() {
    try {
      std::vector<std::int64_t> samples;
      while (auto payload = wait_for_free()) {
        const auto ordinals = walk_.next();
        samples.assign(ordinals.begin(), ordinals.end());
        for (std::int64_t& sample : samples) sample = sampler_.at(sample);
        const StepCounts counts = reader_.fill(samples, ordinals, *payload);
        const std::lock_guard lock(mutex_);
        ready_.push_back({*payload, counts});
        changed_.notify_all();
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      changed_.notify_all();
    }
  }

  std::optional<at::Tensor> wait_for_free() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !free_.empty() || stop_; });
    if (stop_) return std::nullopt;
    at::Tensor payload = free_.front();
    free_.pop_front();
    return payload;
  }

  StepReader& reader_;
  const Sampler& sampler_;
  OrdinalWalk walk_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<at::Tensor> free_;
  std::deque<Step> ready_;
  std::exception_ptr failure_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace

struct Loader::Parts {
  Parts(const TokenSource& source, LoaderShape shape, Communicators& communicators, const DataState& state, LabelMask mask)
      : source(source),
        reader(source, shape, dp_size(communicators), dp_rank(communicators), std::move(mask)),
        sampler(state.seed, checked_samples(source, reader.batch())),
        walk(state, source.samples(), reader.batch()),
        exchange(communicators, reader, shape, source.sequence()) {
    step.after = state;
    step.tokens = reader.batch() * source.sequence();
    if (exchange.is_reader())
      prefetcher.emplace(reader, sampler, walk, shape.prefetch);
    else
      payload = reader.make_payload();
  }

  static std::int64_t checked_samples(const TokenSource& source, std::int64_t batch) {
    if (source.samples() >= batch) return source.samples();
    throw Error(fmt::format("the {} split holds {} samples of {} tokens, a step wants train.batch = {}", name(source.split()),
                            source.samples(), source.sequence(), batch),
                "data.train", "import more text, or set train.batch or model.sequence lower", ExitCode::data);
  }

  void post() {
    if (!prefetcher) return exchange.post(payload, {});
    Prefetcher::Step read = prefetcher->take();
    payload = read.payload;
    exchange.post(payload, read.counts);
  }

  void advance() {
    for (std::int64_t ordinal : walk.next()) ++step.after.sources[static_cast<std::size_t>(source.store_of(sampler.at(ordinal)))].consumed;
    step.after.epoch = walk.place() / source.samples();
    step.after.index = walk.place() % source.samples();
  }

  const TokenSource& source;
  StepReader reader;
  Sampler sampler;
  OrdinalWalk walk;
  BatchExchange exchange;
  std::optional<Prefetcher> prefetcher;
  at::Tensor payload;  // on its way
  bool posted = false;
  StepBatch step;
};

Loader::Loader(const TokenSource& source, LoaderShape shape, Communicators& communicators, const DataState& state, LabelMask mask) {
  check_data_state(state, source, state.seed);
  parts_ = std::make_unique<Parts>(source, shape, communicators, state, std::move(mask));
}
Loader::~Loader() = default;

void Loader::observe(CommunicationObserver* observer) { parts_->exchange.observe(observer); }

// The next step is on its way when this one is handed out, on every rank alike: no rank can find itself waiting for an operation that
// another never starts.
const StepBatch& Loader::next() {
  Parts& parts = *parts_;
  const Clock::time_point start = Clock::now();
  if (!parts.posted) parts.post();
  parts.posted = true;
  const StepCounts all = parts.exchange.complete();
  parts.step.valid_tokens = all.valid;
  parts.step.pairs = all.pairs;
  if (parts.prefetcher) parts.prefetcher->give_back(std::move(parts.payload));
  parts.step.microbatches = parts.exchange.microbatches();
  parts.advance();
  parts.post();
  parts.step.data_wait = since(start);
  return parts.step;
}

struct EvaluationLoader::Parts {
  Parts(const TokenSource& source, LoaderShape shape, Communicators& communicators, std::int64_t wanted, LabelMask mask)
      : reader(source, shape, dp_size(communicators), dp_rank(communicators), std::move(mask)),
        exchange(communicators, reader, shape, source.sequence()),
        payload(reader.make_payload()),
        samples(source.samples()),
        batches(std::min(wanted, std::max<std::int64_t>(1, samples / reader.batch()))) {
    if (samples == 0)
      throw Error(fmt::format("the {} split holds no sample of {} tokens", name(source.split()), source.sequence()), "data.validation",
                  "import with a larger --valid or into smaller documents, or set train.evaluate_every = 0", ExitCode::data);
    step.tokens = reader.batch() * source.sequence();
  }

  StepReader reader;
  BatchExchange exchange;
  at::Tensor payload;
  std::int64_t samples, batches;
  StepBatch step;
};

EvaluationLoader::EvaluationLoader(const TokenSource& source, LoaderShape shape, Communicators& communicators, std::int64_t batches,
                                   LabelMask mask)
    : parts_(std::make_unique<Parts>(source, shape, communicators, batches, std::move(mask))) {}
EvaluationLoader::~EvaluationLoader() = default;

void EvaluationLoader::observe(CommunicationObserver* observer) { parts_->exchange.observe(observer); }

std::int64_t EvaluationLoader::batches() const { return parts_->batches; }

const StepBatch& EvaluationLoader::batch(std::int64_t index) {
  Parts& parts = *parts_;
  ERGON_CHECK(index >= 0 && index < parts.batches, "batch {} of {}", index, parts.batches);
  const Clock::time_point start = Clock::now();
  StepCounts counts;
  if (parts.exchange.is_reader()) {
    std::vector<std::int64_t> places(static_cast<std::size_t>(parts.reader.batch()));
    std::iota(places.begin(), places.end(), index * parts.reader.batch());
    std::vector<std::int64_t> samples = places;
    for (std::int64_t& sample : samples)
      if (sample >= parts.samples) sample = -1;
    counts = parts.reader.fill(samples, places, parts.payload);
  }
  parts.exchange.post(parts.payload, counts);
  const StepCounts all = parts.exchange.complete();
  parts.step.valid_tokens = all.valid;
  parts.step.pairs = all.pairs;
  parts.step.microbatches = parts.exchange.microbatches();
  parts.step.data_wait = since(start);
  return parts.step;
}

}  // namespace ergon
