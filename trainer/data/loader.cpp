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

namespace ergon {
namespace {

int dp_size(const Communicators& communicators) { return communicators.mesh.size(Axis::dp); }
int dp_rank(const Communicators& communicators) { return communicators.mesh.coordinate(communicators.world->rank(), Axis::dp); }

// Reads steps ahead on a thread of its own, into a fixed set of payloads: those that it was asked for, in that order. The thread calls
// pread, never MPI.
class Prefetcher {
 public:
  struct Question {
    std::vector<std::int64_t> samples, places;  // of a step
  };
  struct Step {
    at::Tensor payload;
    StepCounts counts;
  };

  Prefetcher(StepReader& reader, std::int64_t payloads) : reader_(reader) {
    for (std::int64_t i = 0; i < payloads; ++i) free_.push_back(reader.make_payload());
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

  void ask(Question question) {
    {
      const std::lock_guard lock(mutex_);
      questions_.push_back(std::move(question));
    }
    changed_.notify_all();
  }

  Step take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !ready_.empty() || failure_; });
    if (ready_.empty()) std::rethrow_exception(failure_);
    Step step = std::move(ready_.front());
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
      std::unique_lock lock(mutex_);
      while (true) {
        changed_.wait(lock, [&] { return stop_ || (!free_.empty() && !questions_.empty()); });
        if (stop_) return;
        const Question question = std::move(questions_.front());
        Step step{std::move(free_.front()), {}};
        questions_.pop_front();
        free_.pop_front();
        lock.unlock();
        step.counts = reader_.fill(question.samples, question.places, step.payload);
        lock.lock();
        ready_.push_back(std::move(step));
        changed_.notify_all();
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      changed_.notify_all();
    }
  }

  StepReader& reader_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<at::Tensor> free_;
  std::deque<Question> questions_;
  std::deque<Step> ready_;
  std::exception_ptr failure_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace

struct Loader::Parts {
  Parts(const TokenSource& source, LoaderShape shape, Communicators& communicators, const DataState& state, const MixPlan& plan,
        LabelMask mask)
      : reader(source, shape, dp_size(communicators), dp_rank(communicators), std::move(mask)),
        order(holding_batch(source, reader.batch()), state, plan),
        samples(static_cast<std::size_t>(reader.batch())),
        exchange(communicators, reader, shape, source.sequence()) {
    step.after = state;
    step.tokens = reader.batch() * source.sequence();
    if (exchange.is_reader())
      prefetcher.emplace(reader, shape.prefetch + 1);
    else
      payload = reader.make_payload();
    for (std::int64_t ahead = 0; ahead < shape.prefetch + 1; ++ahead) plan_step();
  }

  static const TokenSource& holding_batch(const TokenSource& source, std::int64_t batch) {
    if (source.samples() >= batch) return source;
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

  // The order is walked here, once, as far ahead as is read.
  void plan_step() {
    order.next(samples);
    states.push_back(order.state());
    if (prefetcher) prefetcher->ask({samples, {order.ordinals().begin(), order.ordinals().end()}});
  }

  void advance() {
    step.after = std::move(states.front());
    states.pop_front();
    plan_step();
  }

  StepReader reader;
  SampleOrder order;
  std::deque<DataState> states;  // after the steps that are ahead
  std::vector<std::int64_t> samples;
  BatchExchange exchange;
  std::optional<Prefetcher> prefetcher;
  at::Tensor payload;  // on its way
  bool posted = false;
  StepBatch step;
};

Loader::Loader(const TokenSource& source, LoaderShape shape, Communicators& communicators, const DataState& state, LabelMask mask,
               const MixPlan& plan) {
  check_data_state(state, source, state.seed, plan.mixed());
  parts_ = std::make_unique<Parts>(source, shape, communicators, state, plan, std::move(mask));
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
