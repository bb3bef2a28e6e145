// SPDX-License-Identifier: Apache-2.0
// Steps whose tensors travel as between devices, over the mock of NCCL: every axis, schedule, strategy and ZeRO stage against one rank, and
// the order in which ranks launch. The kernels are the host's; tests/trainer/kernels/cuda/device_run_test.cpp has those of a device.
#include <fmt/format.h>

#include "parallel/plan/pipeline_messages.hpp"
#include "tests/parallel/nccl_mock.hpp"
#include "tests/trainer/mesh_run.hpp"
#include "trainer/attention/tiled.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::RankOfRun;
using test::TinyRun;

namespace {

using Keys = std::vector<std::string>;
using Lines = std::vector<std::string>;

Keys joined(Keys a, const Keys& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Updates that do not depend on the signs of gradients that are zero but for rounding.
const Keys four_layers = {"model.layers=4", "train.evaluate_every=0", "optimizer.epsilon=1e-3"};

void on_devices(const RunConfig& config, NcclMock& mock, const std::function<void(RankOfRun&)>& use) {
  CHECK(on_mock(mock, mesh_of(config.mesh).size(), [&](auto context, auto host, Failures&) {
          prepare_process(1);
          RankOfRun rank(config, host->split(0, host->rank(), "world"), context->groups());
          use(rank);
          rank.communicators.settle();
        }) == "");
  CHECK(mock.disagreements() == Lines{});
}

// Without waits: whether a launch was done when it was polled is a matter of time.
Lines launches_of(const NcclMock& mock, int rank) {
  Lines lines;
  for (const std::string& line : mock.trace(rank))
    if (!line.starts_with("wait ")) lines.push_back(line);
  return lines;
}
Lines of_groups(const Lines& lines, const Keys& groups) {
  Lines some;
  for (const std::string& line : lines)
    for (const std::string& group : groups)
      if (line.starts_with(group + " ")) some.push_back(line);
  return some;
}

// What the plan has a stage exchange in a step, as the mock names it; `elements` of a message.
Lines planned_messages(const PipelinePlan& plan, int stage, std::int64_t elements) {
  Lines lines;
  for (const auto& exchanges : plan_messages(plan, stage).before)
    for (const PipelineExchange& exchange : exchanges) {
      std::string text;
      for (const PipelineMessage& m : exchange.messages) {
        const bool sends = m.side == PipelineMessage::Side::sends;
        text += fmt::format("{}{} {} {} {}", text.empty() ? "" : ", ", sends ? "send" : "recv", elements, sends ? "to" : "from", m.peer);
      }
      lines.push_back(fmt::format("{} {{{}}}", exchange.lane == PipelineLane::activations ? "pp" : "pp-gradients", text));
    }
  return lines;
}

// Step 1 on the mesh of `keys` is that of one rank, and twins of a stage launch in one order, with the messages of the plan.
void check_step(const TinyRun& tiny, const Keys& keys) {
  const RunConfig config = tiny.config(joined(four_layers, keys));
  const test::Whole whole = test::whole_of_one_rank(tiny.config(four_layers));
  const Mesh mesh = mesh_of(config.mesh);
  NcclMock mock(mesh.size());
  test::Worst worst;
  PipelinePlan plan;
  std::mutex mutex;
  on_devices(config, mock, [&](RankOfRun& rank) {
    const StepResult result = rank.steps(1);
    worst.see(std::abs(result.loss - whole.result.loss), "loss");
    worst.see(std::abs(result.grad_norm - whole.result.grad_norm), "norm");
    rank.communicators.settle();
    NcclMock::note("end of the step");
    test::compare(rank, whole, worst);
    const std::lock_guard lock(mutex);
    plan = rank.replica.training.plan();
  });
  CAPTURE(keys, worst.where());
  CHECK(worst.error() <= 1e-11);
  CHECK(worst.seen() > 20 * mesh.size());
  const std::int64_t tp = config.mesh.sequence_parallel ? config.mesh.tp : 1, message = 16 * 32 / config.mesh.cp / tp;
  std::map<int, Lines> of_stage;
  for (int rank = 0; rank < mesh.size(); ++rank) {
    Lines lines = launches_of(mock, rank);
    lines.resize(static_cast<std::size_t>(std::find(lines.begin(), lines.end(), "end of the step") - lines.begin()));
    const int stage = mesh.coordinate(rank, Axis::pp);
    if (config.mesh.pp > 1) CHECK(of_groups(lines, {"pp", "pp-gradients"}) == planned_messages(plan, stage, message));
    for (std::string& line : lines)  // peers of a ring differ by rank
      if (!line.starts_with("pp")) line = line.substr(0, line.find(" {"));
    if (!of_stage.contains(stage)) of_stage[stage] = lines;
    CHECK(lines == of_stage[stage]);
  }
}

}  // namespace

TEST_CASE("over NCCL pipelines of every schedule train the model of one rank") {
  const TinyRun tiny;
  for (const char* schedule : {"gpipe", "1f1b", "interleaved", "zero_bubble"}) {
    const bool interleaved = std::string(schedule) == "interleaved";
    const Keys keys = {fmt::format("mesh.schedule=\"{}\"", schedule), fmt::format("mesh.virtual_stages={}", interleaved ? 2 : 1)};
    check_step(tiny, joined(keys, {"mesh.pp=2"}));
    check_step(tiny, joined(keys, {"mesh.pp=2", "mesh.tp=2", "mesh.sequence_parallel=true"}));
    check_step(tiny, joined(keys, {"mesh.pp=2", "mesh.dp=2", "mesh.zero=1", "mesh.bucket=\"4 KiB\""}));
    check_step(tiny, joined(keys, {"mesh.pp=2", "mesh.dp=2", "mesh.zero=3"}));
    check_step(tiny, joined(keys, {"mesh.pp=2", "mesh.cp=2"}));
    if (!interleaved) check_step(tiny, joined(keys, {"mesh.pp=4"}));
  }
  check_step(tiny, {"mesh.pp=2", "mesh.dp=2", "mesh.cp=2", "mesh.order=\"pp-tp-cp-dp\"", "mesh.schedule=\"zero_bubble\""});
}

TEST_CASE("over NCCL context ranks train the model of one rank, by every strategy and under every ZeRO stage") {
  const TinyRun tiny;
  for (const Keys& keys : std::vector<Keys>{{"mesh.attention=\"ring\""},
                                            {"mesh.attention=\"ring\"", "mesh.layout=\"striped\"", "train.recompute=core"},
                                            {"mesh.attention=\"ulysses\""},
                                            {"mesh.attention=\"gather_kv\"", "mesh.layout=\"contiguous\""}})
    check_step(tiny, joined(keys, {"mesh.cp=2"}));
  check_step(tiny, {"mesh.cp=4", "mesh.attention=\"hybrid\"", "mesh.ulysses=2"});
  for (const Keys& zero : std::vector<Keys>{{"mesh.zero=1", "mesh.bucket=\"4 KiB\""}, {"mesh.zero=3"}})
    for (const Keys& mesh :
         std::vector<Keys>{{"mesh.dp=2"}, {"mesh.dp=2", "mesh.cp=2"}, {"mesh.dp=2", "mesh.tp=2", "mesh.sequence_parallel=true"}})
      check_step(tiny, joined(mesh, zero));
}

namespace {

// Says when a layer's attention runs.
class NotedAttention final : public LocalAttention {
 public:
  const char* name() const override { return inner_.name(); }
  AttentionTiles tiles() const override { return inner_.tiles(); }
  AttentionWork forward(const AttentionBlock& block, AttentionOutput& result) const override {
    NcclMock::note("layer");
    return inner_.forward(block, result);
  }
  AttentionWork backward(const AttentionBlock& block, const AttentionUpstream& upstream, AttentionGradients& result) const override {
    NcclMock::note("backward of a layer");
    return inner_.backward(block, upstream, result);
  }

 private:
  TiledAttention inner_;
};

Lines zero_launches(const TinyRun& tiny, const Keys& zero) {
  NcclMock mock(2);
  const RunConfig config = tiny.config(joined({"train.batch=2", "train.evaluate_every=0", "mesh.dp=2", "model.tied=false"}, zero));
  on_devices(config, mock, [&](RankOfRun& rank) {
    rank.replica.use_attention(std::make_unique<NotedAttention>());
    rank.steps(1);
  });
  CHECK(launches_of(mock, 1) == launches_of(mock, 0));
  return launches_of(mock, 0);
}

}  // namespace

TEST_CASE("over NCCL ZeRO gathers a unit while the one before it computes, and its gradients leave under the backward of the next") {
  const TinyRun tiny;
  const auto gather = [](int elements) { return fmt::format("bulk cp-dp all_gather {}", elements); };
  const auto scatter = [](int elements) { return fmt::format("bulk cp-dp reduce_scatter {}", elements); };
  constexpr int table = 6144, layer = 4768, head = 6160;  // a rank's part of each unit
  CHECK(zero_launches(tiny, {"mesh.zero=1", "mesh.bucket=\"4 KiB\""}) ==
        Lines{"layer", "layer", scatter(head), "backward of a layer", scatter(layer), "backward of a layer", scatter(layer), scatter(table),
              gather(head), gather(layer), gather(layer), gather(table)});
  CHECK(zero_launches(tiny, {"mesh.zero=3"}) == Lines{gather(table), gather(layer), gather(layer), "layer", gather(head),
                                                      "layer",  // each one ahead
                                                      gather(head), gather(layer), scatter(head), gather(layer), "backward of a layer",
                                                      scatter(layer), "backward of a layer", scatter(layer), scatter(table)});
}
