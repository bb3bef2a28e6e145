// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/loader.hpp"

#include <numeric>
#include <optional>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "trainer/data/batch_exchange.hpp"
#include "trainer/data/prefetcher.hpp"

namespace ergon {
namespace {

int dp_size(const Communicators& communicators) { return communicators.mesh.size(Axis::dp); }
int dp_rank(const Communicators& communicators) { return communicators.mesh.coordinate(communicators.world->rank(), Axis::dp); }

}  // namespace

struct Loader::Parts {
  Parts(const TokenSource& source, LoaderShape shape, Communicators& communicators, const DataState& state, const MixPlan& plan,
        LabelMask mask)
      : reader(source, shape, dp_size(communicators), dp_rank(communicators), std::move(mask)),
        order(holding_batch(source, reader.batch()), state, plan),
        states(static_cast<std::size_t>(shape.prefetch + 1)),
        samples(static_cast<std::size_t>(reader.batch())),
        exchange(communicators, reader, shape, source.sequence()) {
    step.after = state;
    step.tokens = reader.batch() * source.sequence();
    if (exchange.is_reader())
      prefetcher.emplace(reader, shape.prefetch + 1);
    else
      payload = reader.make_payload();
    for (DataState& state_after : states) plan_step(state_after);
  }

  static const TokenSource& holding_batch(const TokenSource& source, std::int64_t batch) {
    if (source.samples() >= batch) return source;
    throw Error(fmt::format("the {} split holds {} samples of {} tokens, a step wants train.batch = {}", name(source.split()),
                            source.samples(), source.sequence(), batch),
                "data.train", "import more text, or set train.batch or model.sequence lower", ExitCode::data);
  }

  void post() {
    if (!prefetcher) return exchange.post(payload, {});
    const Prefetcher::Slot& read = prefetcher->take();
    exchange.post(read.payload, read.counts);
  }

  // The order is walked here, once, as far ahead as is read.
  void plan_step(DataState& after) {
    order.next(samples);
    after = order.state();
    if (prefetcher) prefetcher->ask(samples, order.ordinals());
  }

  void advance() {
    DataState& oldest = states[steps % states.size()];
    ++steps;
    step.after = oldest;
    plan_step(oldest);
  }

  StepReader reader;
  SampleOrder order;
  std::vector<DataState> states;  // after the steps that are ahead
  std::size_t steps = 0;          // handed out
  std::vector<std::int64_t> samples;
  BatchExchange exchange;
  std::optional<Prefetcher> prefetcher;
  at::Tensor payload;  // of a rank that reads none
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
