// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/attention.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <fmt/format.h>

#include <cmath>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "configs/names.hpp"
#include "launch/bench/message.hpp"
#include "launch/bench/rounds.hpp"
#include "launch/dtype_named.hpp"
#include "parallel/communicators.hpp"
#include "parallel/context_parallel/strategy.hpp"
#include "parallel/plan/refusals.hpp"
#include "trainer/arena.hpp"
#include "trainer/attention/delta.hpp"
#include "trainer/attention/tiled.hpp"
#include "trainer/kernels/precision.hpp"

namespace ergon {
namespace {

at::ScalarType scalar_type(DType dtype) {
  return dtype == DType::float64 ? at::kDouble : dtype == DType::float32 ? at::kFloat : at::kBFloat16;
}

// Bytes sent and seconds waited since it was last asked.
class Waited final : public CommunicationObserver {
 public:
  void completed(const CommunicationEvent& event) override {
    bytes_ += event.bytes.value;
    exposed_ += event.exposed.value;
  }
  struct Sums {
    double bytes, exposed;
  };
  Sums take() { return {static_cast<double>(std::exchange(bytes_, 0)), std::exchange(exposed_, 0.0)}; }

 private:
  std::int64_t bytes_ = 0;
  double exposed_ = 0;
};

enum Figure : std::int64_t {
  forward_seconds,
  forward_exposed,
  forward_bytes,
  backward_seconds,
  backward_exposed,
  backward_bytes,
  num_figures
};

// One rank's part of one length under one sharding, with its inputs and memory.
class AttentionBench {
 public:
  AttentionBench(Communicator& world, const AttentionVariant& variant, const ShardingJob& job, std::int64_t length)
      : AttentionBench(world, variant.sharding, job, length / variant.sharding.cp, job.heads, job.kv_heads) {}
  // The kernel alone, on a whole sequence of some heads; until all ranks are done, as with a strategy: they may be more than cores.
  AttentionBench(Communicator& world, const ShardingJob& job, std::int64_t length, const HeadRange& heads)
      : AttentionBench(world, ContextSharding{}, job, length, heads.num_query, heads.num_kv) {
    all_ = &world;
    if (auto parts = regular_heads(heads, job.heads / job.kv_heads); parts.size() > 1) heads_ = std::move(parts);
  }

  void operator()(std::span<double> figures) {
    const Arena::Frame kept(keep_);
    AttentionState state;
    pass(figures.subspan(forward_seconds, 3), [&](const AttentionCall& call) { strategy_->forward(call, out_, state); });
    (all_ ? *all_ : *groups_->world).barrier().wait();
    pass(figures.subspan(backward_seconds, 3), [&](const AttentionCall& call) { strategy_->backward(call, dout_, out_, state, result_); });
  }

 private:
  AttentionBench(Communicator& world, const ContextSharding& sharding, const ShardingJob& job, std::int64_t rows, std::int64_t heads,
                 std::int64_t kv_heads)
      : dtype_(scalar_type(job.dtype)),
        rule_{.causal = job.causal},
        scale_(1 / std::sqrt(static_cast<double>(job.head_width))),
        waited_(std::make_unique<Waited>()) {
    const int cp = sharding.cp;
    std::unique_ptr<Communicator> own = world.split(cp > 1 ? 0 : world.rank(), world.rank(), "bench");
    groups_ = std::make_unique<Communicators>(Mesh({.dp = 1, .pp = 1, .cp = cp, .tp = 1}), std::move(own), 1, DeviceGroup(),
                                              sharding.exchanging());
    strategy_ = make_attention_strategy(sharding, job.gather_heads, {kernel_, attention_delta},
                                        {*groups_->cp, *groups_->cp_ring, *groups_->cp_exchange});
    const auto random = [&](std::int64_t count, at::ScalarType dtype) {
      return at::randn({job.batch, rows, count, job.head_width}, at::kFloat).to(dtype);
    };
    const at::ScalarType exact = accumulator_type(dtype_);
    q_ = random(heads, dtype_);
    k_ = random(kv_heads, dtype_);
    v_ = random(kv_heads, dtype_);
    dout_ = random(heads, dtype_);
    out_ = at::empty(q_.sizes(), exact);
    result_ = {at::empty(q_.sizes(), exact), at::empty(k_.sizes(), exact), at::empty(k_.sizes(), exact)};
  }

  template <typename Body>
  void pass(std::span<double> figures, const Body& body) {
    const Arena::Frame frame(scratch_);
    const AttentionCall call{q_, k_, v_, {&rule_, 1}, {}, scale_, keep_, scratch_, heads_};
    groups_->observe(waited_.get());
    const Clock::time_point begin = Clock::now();
    body(call);
    if (all_) all_->barrier().wait();
    figures[0] = since(begin).value;
    groups_->observe(nullptr);
    const Waited::Sums sums = waited_->take();
    figures[1] = sums.exposed / figures[0];
    figures[2] = sums.bytes;
  }

  at::ScalarType dtype_;
  AttentionRule rule_;
  double scale_;
  TiledAttention kernel_;
  std::unique_ptr<Waited> waited_;
  Communicator* all_ = nullptr;
  std::vector<HeadRange> heads_;  // parts of equal groups; empty: one
  std::unique_ptr<Communicators> groups_;
  std::unique_ptr<AttentionStrategy> strategy_;
  at::Tensor q_, k_, v_, dout_, out_;
  AttentionGradients result_;
  Arena keep_, scratch_;
};

nlohmann::json both(double forward, double backward) { return {{"forward", forward}, {"backward", backward}}; }

// A message of a few bytes takes a latency; one as large as the longest sequence's keys takes its bytes' time beside that.
nlohmann::json link_constants(Communicator& world, const ShardingJob& job) {
  const AttentionExtent extent = extent_of(job, job.lengths.back());
  const std::int64_t bytes = 2 * extent.batch * extent.sequence / world.size() * extent.kv_heads * extent.head_width * extent.wire;
  nlohmann::json links;
  for (const Collective operation : {Collective::ring_shift, Collective::all_to_all, Collective::all_gather}) {
    BenchMessage small(world, operation, 64), large(world, operation, bytes);
    const auto timed = [](BenchMessage& message) { return [&message](std::span<double> seconds) { seconds[0] = message.time().value; }; };
    const RoundFigures figures(world, {timed(small), timed(large)}, 1, job.rounds);
    const double latency = figures.slowest(0, 0), travel = std::max(figures.slowest(1, 0) - latency, 1e-9);
    links[name(operation)] = {{"latency", latency}, {"bandwidth", static_cast<double>(large.sent()) / world.size() / travel}};
  }
  return links;
}

nlohmann::json measured_length(Communicator& world, const ShardingJob& job, const std::vector<AttentionVariant>& variants,
                               std::int64_t length) {
  std::vector<std::unique_ptr<AttentionBench>> benches;
  // The share of a rank without messages: the heads that it would compute after an exchange.
  const int ranks = world.size(), sharers = static_cast<int>(std::min<std::int64_t>(ranks, job.heads));
  const HeadRange share = exchanged_heads(job.heads, job.kv_heads, sharers, world.rank() % sharers);
  benches.push_back(std::make_unique<AttentionBench>(world, job, length, share));
  for (const AttentionVariant& variant : variants) benches.push_back(std::make_unique<AttentionBench>(world, variant, job, length));
  std::vector<TimedCase> cases;
  for (const auto& bench : benches) cases.push_back([&bench](std::span<double> figures) { (*bench)(figures); });
  const RoundFigures figures(world, cases, num_figures, job.rounds);

  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t i = 1; i < benches.size(); ++i) {
    const auto bytes = [&](Figure of) { return std::llround(figures.mean(i, of) * ranks); };
    rows.push_back({{"name", variants[i - 1].name},
                    {"bytes", {{"forward", bytes(forward_bytes)}, {"backward", bytes(backward_bytes)}}},
                    {"seconds", both(figures.slowest(i, forward_seconds), figures.slowest(i, backward_seconds))},
                    {"exposed", both(figures.mean(i, forward_exposed), figures.mean(i, backward_exposed))}});
  }
  return {
      {"length", length}, {"kernel", both(figures.slowest(0, forward_seconds), figures.slowest(0, backward_seconds))}, {"variants", rows}};
}

}  // namespace

nlohmann::json to_json(const ShardingJob& job) {
  return {{"lengths", job.lengths},       {"batch", job.batch},
          {"heads", job.heads},           {"kv_heads", job.kv_heads},
          {"head_width", job.head_width}, {"dtype", choice_name(job.dtype)},
          {"causal", job.causal},         {"gather_heads", job.gather_heads},
          {"rounds", job.rounds}};
}

ShardingJob sharding_job(const nlohmann::json& json) {
  const auto number = [&](const char* key) { return json.at(key).get<std::int64_t>(); };
  return {.lengths = json.at("lengths").get<std::vector<std::int64_t>>(),
          .batch = number("batch"),
          .heads = number("heads"),
          .kv_heads = number("kv_heads"),
          .head_width = number("head_width"),
          .dtype = dtype_named(json.at("dtype").get<std::string>()),
          .causal = json.at("causal").get<bool>(),
          .gather_heads = number("gather_heads"),
          .rounds = number("rounds")};
}

AttentionExtent extent_of(const ShardingJob& job, std::int64_t sequence) {
  const auto bytes = [](at::ScalarType dtype) { return static_cast<std::int64_t>(c10::elementSize(dtype)); };
  const at::ScalarType dtype = scalar_type(job.dtype);
  return {job.batch, sequence, job.heads, job.kv_heads, job.head_width, bytes(dtype), bytes(accumulator_type(dtype))};
}

AttentionVariants attention_variants(const ShardingJob& job, std::int64_t ranks) {
  AttentionVariants variants;
  const auto consider = [&](AttentionSharding attention, SequenceLayout layout, std::int64_t ulysses) {
    RunConfig config;
    config.model.heads = job.heads;
    config.model.kv_heads = job.kv_heads;
    config.train.batch = config.train.microbatch = 1;
    config.mesh.cp = ranks;
    config.mesh.attention = attention;
    config.mesh.layout = layout;
    config.mesh.ulysses = ulysses;
    config.mesh.gather_heads = attention == AttentionSharding::gather_kv ? job.gather_heads : 1;
    const bool one_layout = attention != AttentionSharding::ring;
    const std::string name = one_layout ? fmt::format("{}", choice_name(attention)) : fmt::format("ring {}", choice_name(layout));
    for (const std::int64_t length : job.lengths) {
      config.model.sequence = length;
      for (const Error& refusal : plan_refusals(config, 0)) {
        if (refusal.where() == "model.sequence")
          throw Error(refusal.problem(), "--lengths", fmt::format("take multiples of {}", 2 * ranks));
        variants.left_out.push_back({name, refusal.problem()});
        return;
      }
    }
    variants.measured.push_back({name, context_sharding(config.mesh)});
  };
  using enum AttentionSharding;
  for (const SequenceLayout layout : {SequenceLayout::contiguous, SequenceLayout::zigzag, SequenceLayout::striped})
    consider(ring, layout, 1);
  consider(ulysses, SequenceLayout::zigzag, 1);
  consider(gather_kv, SequenceLayout::zigzag, 1);
  if (ranks > 2 && ranks % 2 == 0)
    consider(hybrid, SequenceLayout::zigzag, 2);
  else
    variants.left_out.push_back({"hybrid", fmt::format("{} ranks make no groups of 2 that exchange heads with rings across", ranks)});
  return variants;
}

nlohmann::json measure_attention(Communicator& world, const ShardingJob& job) {
  const AttentionVariants variants = attention_variants(job, world.size());
  const auto say = [&](const std::string& what) {
    if (world.rank() == 0) fmt::print(stderr, "{} ranks: {}\n", world.size(), what);
  };
  say("latency and bandwidth");
  const nlohmann::json links = link_constants(world, job);
  nlohmann::json lengths = nlohmann::json::array();
  for (const std::int64_t length : job.lengths) {
    say(fmt::format("{} positions, {} cases, {} rounds", length, variants.measured.size(), job.rounds));
    lengths.push_back(measured_length(world, job, variants.measured, length));
  }
  return {{"ranks", world.size()}, {"links", links}, {"lengths", lengths}};
}

}  // namespace ergon
