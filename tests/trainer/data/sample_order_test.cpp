// SPDX-License-Identifier: Apache-2.0
// The order of a run by its definition, written down anew: which sample every ordinal is, in every order, for every number of replicas.
#include "trainer/data/sample_order.hpp"

#include <rapidcheck.h>

#include <numeric>

#include "tests/trainer/data/store_fixture.hpp"
#include "trainer/data/step_reader.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

using Integers = std::vector<std::int64_t>;

constexpr std::int64_t T = 8;

// Three stores of very different sizes.
struct ThreeStores {
  ThreeStores() {
    const auto documents = some_documents(48);
    const auto part = [&](std::size_t begin, std::size_t end) {
      return std::vector<TestDocument>(documents.begin() + begin, documents.begin() + end);
    };
    make_store(folder / "a.h5", part(0, 30), storage);
    make_store(folder / "b.h5", part(30, 33), storage);
    make_store(folder / "c.h5", part(33, 48), storage);
  }
  TokenSource open(const std::vector<std::string>& names = {"a.h5", "b.h5", "c.h5"}) {
    std::vector<std::string> paths;
    for (const std::string& name : names) paths.push_back(folder / name);
    return TokenSource(paths, Split::train, T, storage);
  }
  TemporaryFolder folder;
  InspectingStorage storage;
};

// Every ordinal of `steps` steps in turn, from the definitions: counts of the stage, the source furthest behind, its own permutation.
Integers expected_order(const TokenSource& source, std::int64_t seed, const MixPlan& plan, const std::vector<DataState::Skip>& skips,
                        std::int64_t steps, std::int64_t batch) {
  Integers samples, places(source.parts().size()), in_stage(source.parts().size());
  std::vector<Sampler> samplers;
  for (const auto& part : source.parts()) samplers.emplace_back(seed, part.samples, sampler_identity(part.uuid));
  const Sampler whole(seed, source.samples());
  std::int64_t ordinal = 0;
  Integers weights = plan.weights;
  for (std::int64_t step = 0; step < steps; ++step) {
    Integers now = plan.weights;
    for (const MixStage& stage : plan.curriculum)
      if (step >= stage.from_step) now = stage.weights;
    if (now != weights) in_stage.assign(in_stage.size(), 0);
    weights = now;
    for (std::int64_t taken = 0; taken < batch; ++ordinal) {
      std::int64_t sample;
      if (plan.mixed()) {
        const __int128 n = std::accumulate(in_stage.begin(), in_stage.end(), std::int64_t{0}),
                       total = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
        std::size_t best = 0;
        for (std::size_t i = 1; i < weights.size(); ++i)
          if (weights[i] * (n + 1) - in_stage[i] * total > weights[best] * (n + 1) - in_stage[best] * total) best = i;
        ++in_stage[best];
        sample = source.parts()[best].first_sample + samplers[best].at(places[best]++);
      } else {
        sample = whole.at(ordinal);
      }
      const bool skipped = std::ranges::any_of(skips, [&](const auto& skip) { return ordinal >= skip.begin && ordinal < skip.end; });
      if (skipped) continue;
      samples.push_back(sample);
      ++taken;
    }
  }
  return samples;
}

struct Orders {
  std::string name;
  MixPlan plan;
  std::vector<DataState::Skip> skips;
};

const std::vector<Orders> orders = {
    {"whole", {}, {}},
    {"whole with skips", {}, {{3, 40}, {100, 101}, {170, 700}}},
    {"mixed", {{5, 2, 3}, {}}, {}},
    {"mixed with skips", {{1, 1, 1}, {}}, {{0, 7}, {30, 64}, {60, 90}, {200, 5000}}},
    {"curriculum", {{1, 0, 0}, {{2, {0, 1, 4}}, {5, {7, 1, 2}}, {6, {7, 1, 2}}}}, {{64, 70}}},
};

DataState start(const TokenSource& source, const Orders& order) {
  DataState state = initial_data_state(source, 11, order.plan.mixed());
  for (const auto& skip : order.skips) add_skip(state, skip);
  return state;
}

}  // namespace

TEST_CASE("the samples of a run are those of the definition, through several epochs") {
  ThreeStores stores;
  const TokenSource source = stores.open();
  const std::int64_t batch = 64, steps = 3 * source.samples() / batch + 1;
  for (const Orders& of : orders) {
    INFO(of.name);
    const Integers expected = expected_order(source, 11, of.plan, of.skips, steps, batch);
    SampleOrder order(source, start(source, of), of.plan);
    Integers samples, step(static_cast<std::size_t>(batch));
    for (std::int64_t s = 0; s < steps; ++s) {
      order.next(step);
      samples.insert(samples.end(), step.begin(), step.end());
    }
    CHECK(samples == expected);
    CHECK(order.state().step == steps);
    CHECK(order.ordinals().back() == ordinal_of(order.state(), source.samples()) - 1);
    // The counters say what was read.
    Integers consumed(3);
    for (const std::int64_t sample : samples) ++consumed[static_cast<std::size_t>(source.part_of(sample))];
    for (std::size_t i = 0; i < 3; ++i) CHECK(order.state().sources[i].consumed == consumed[i]);
  }
}

TEST_CASE("1 to 64 replicas read one order together, whatever the microbatch, and after resuming at any step") {
  ThreeStores stores;
  const TokenSource source = stores.open();
  const std::int64_t batch = 64, steps = 8;
  std::vector<std::int32_t> tokens(T + 1), segments(T + 1);
  for (const Orders& of : orders) {
    const Integers expected = expected_order(source, 11, of.plan, of.skips, steps, batch);
    for (const int dp : {1, 2, 4, 8, 16, 32, 64}) {
      const std::int64_t share = batch / dp, B = dp % 3 == 1 ? 1 : share;  // of a microbatch
      INFO(of.name << ", " << dp << " replicas, microbatches of " << B);
      std::vector<SampleOrder> walks;
      std::vector<StepReader> readers;
      for (int rank = 0; rank < dp; ++rank) {
        walks.emplace_back(source, start(source, of), of.plan);
        readers.emplace_back(source, LoaderShape{B, share / B}, dp, rank, LabelMask{});
      }
      const at::Tensor payload = readers.front().make_payload();
      Integers samples(static_cast<std::size_t>(batch));
      int wrong = 0;
      for (std::int64_t s = 0; s < steps; ++s) {
        for (int rank = 0; rank < dp; ++rank) {
          SampleOrder& walk = walks[static_cast<std::size_t>(rank)];
          if ((s + rank) % 3 == 0) walk = SampleOrder(source, data_state_from_json(to_json(walk.state()), "test"), of.plan);
          walk.next(samples);
          StepReader& reader = readers[static_cast<std::size_t>(rank)];
          reader.fill(samples, walk.ordinals(), payload);
          for (std::int64_t a = 0; a < share / B; ++a)
            for (std::int64_t b = 0; b < B; ++b) {
              source.read(expected[static_cast<std::size_t>(s * batch + reader.first_sample(a) + b)], tokens, segments);
              const ReadPayloadRow row(payload.data_ptr<std::int32_t>() + (a * B + b) * payload_words(T, 4), T, 4);
              wrong += !std::ranges::equal(std::as_bytes(std::span(tokens)), row.ids);
            }
        }
      }
      CHECK(wrong == 0);
      for (const SampleOrder& walk : walks) CHECK(walk.state() == walks.front().state());
    }
  }
}

TEST_CASE("orders of any weights and skips, cut anywhere, are those of the definition") {
  ThreeStores stores;
  const TokenSource source = stores.open();
  CHECK(rc::check([&] {
    const auto weights = [] {
      Integers drawn = *rc::gen::container<Integers>(3, rc::gen::inRange<std::int64_t>(0, 9));
      drawn[static_cast<std::size_t>(*rc::gen::inRange(0, 3))] += 1;
      return drawn;
    };
    Orders of;
    of.plan.weights = weights();
    for (std::int64_t from = *rc::gen::inRange<std::int64_t>(1, 6); from < 12; from += *rc::gen::inRange<std::int64_t>(1, 6))
      of.plan.curriculum.push_back({from, weights()});
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
      const auto begin = *rc::gen::inRange<std::int64_t>(0, 100);
      of.skips.push_back({begin, begin + *rc::gen::inRange<std::int64_t>(1, 60)});
    }
    const std::int64_t batch = *rc::gen::inRange<std::int64_t>(1, 20), steps = 12;
    const Integers expected = expected_order(source, 11, of.plan, of.skips, steps, batch);
    SampleOrder order(source, start(source, of), of.plan);
    Integers samples, step(static_cast<std::size_t>(batch));
    for (std::int64_t s = 0; s < steps; ++s) {
      if (*rc::gen::inRange(0, 3) == 0) order = SampleOrder(source, order.state(), of.plan);
      order.next(step);
      samples.insert(samples.end(), step.begin(), step.end());
    }
    RC_ASSERT(samples == expected);
  }));
}

TEST_CASE("a source keeps its own order when others come beside it") {
  ThreeStores stores;
  const auto of_b = [&](const TokenSource& source, int part) {
    const MixPlan plan{Integers(source.parts().size(), 1), {}};
    SampleOrder order(source, initial_data_state(source, 3, true), plan);
    Integers found, step(50);
    for (int s = 0; s < 4; ++s) {
      order.next(step);
      for (const std::int64_t sample : step)
        if (source.part_of(sample) == part) found.push_back(sample - source.parts()[static_cast<std::size_t>(part)].first_sample);
    }
    found.resize(60);
    return found;
  };
  CHECK(of_b(stores.open({"a.h5", "b.h5", "c.h5"}), 1) == of_b(stores.open({"b.h5", "c.h5"}), 0));
}

TEST_CASE("weights, a curriculum or a batch that change on resume leave the past as it was and act from there on") {
  ThreeStores stores;
  const TokenSource source = stores.open();
  const MixPlan before{{5, 2, 3}, {}}, after{{1, 1, 6}, {}};
  Integers step(16), other_step(10);
  SampleOrder order(source, initial_data_state(source, 11, true), before);
  for (int s = 0; s < 3; ++s) order.next(step);
  const Integers past = expected_order(source, 11, before, {}, 3, 16);

  SampleOrder changed(source, order.state(), after);
  changed.next(other_step);

  // The definition with the change at step 3: a stage from there.
  const Integers whole = expected_order(source, 11, {{5, 2, 3}, {{3, {1, 1, 6}}}}, {}, 4, 16);
  CHECK(std::equal(past.begin(), past.end(), whole.begin()));
  CHECK(std::equal(other_step.begin(), other_step.end(), whole.begin() + 48));
  CHECK(changed.state().sources[2].weight[0] == 6);
  CHECK(changed.state().sources[2].weight[1] == 8);
}

TEST_CASE("a source that is to give samples and has none is refused") {
  ThreeStores stores;
  make_store(stores.folder / "tiny.h5", {{"x"}}, stores.storage);
  const TokenSource source = stores.open({"a.h5", "tiny.h5"});
  const DataState state = initial_data_state(source, 1, true);
  CHECK(contains(problem_of([&] {
                   SampleOrder(source, state, {{1, 1}, {}});
                 }),
                 "data.weights: " + stores.folder / "tiny.h5" + " holds no sample of 8 tokens in its train split, but has a weight"));
  CHECK(contains(problem_of([&] { SampleOrder(source, state, {{1, 0}, {{5, {1, 1}}}}); }), "but has a weight"));
  SampleOrder order(source, state, {{1, 0}, {}});
  Integers step(4);
  order.next(step);
  CHECK(order.state().sources[0].consumed == 4);
}
