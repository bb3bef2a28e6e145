// SPDX-License-Identifier: Apache-2.0
// What a stage keeps of its microbatches in flight while a step runs, action by action, against what accounting says of the plan: to the
// byte, for every schedule and policy, with tensor and context ranks.
#include <fmt/format.h>

#include <mutex>

#include "accounting/activation_memory.hpp"
#include "parallel/plan/context_blocks.hpp"
#include "parallel/plan/refusals.hpp"
#include "parallel/plan/stage_partition.hpp"
#include "tests/trainer/tiny_run.hpp"
#include "trainer/data/loader.hpp"
#include "trainer/replica.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TinyRun;

namespace {

using Keys = std::vector<std::string>;

// The passes of a step, adding up after each action what all slots hold.
class MeasuredStage final : public PipelineStage {
 public:
  MeasuredStage(Replica& replica, const StepBatch& batch) : replica_(replica), batch_(batch), context_(replica.context(1, 0)) {
    replica.slots.begin_step();
  }

  void forward(int microbatch, int chunk, const at::Tensor& x_ND, const at::Tensor& y_ND) override {
    replica_.model.forward({chunk, x_ND, y_ND}, batch_.microbatches[static_cast<std::size_t>(microbatch)], context_,
                           replica_.slots.take(microbatch, chunk));
    look();
  }
  void backward(int microbatch, int chunk, const at::Tensor& d_ND) override {
    replica_.model.backward(
        context_, 1.0, Write::accumulate, [](int) {}, replica_.slots.give_back(microbatch, chunk), d_ND);
  }
  void backward_input(int microbatch, int chunk, const at::Tensor& d_ND) override {
    replica_.model.backward_input(context_, 1.0, replica_.slots.of(microbatch, chunk), d_ND);
    look();
  }
  void backward_weight(int microbatch, int chunk) override {
    replica_.model.backward_weight(
        context_, Write::accumulate, [](int) {}, replica_.slots.give_back(microbatch, chunk));
  }

  Bytes most{};

 private:
  void look() {
    Bytes now{};
    for (int slot = 0; slot < replica_.training.most_in_flight(); ++slot)
      now += replica_.model.kept_bytes(slot) + replica_.model.kept_between_halves(slot);
    most = std::max(most, now);
  }

  Replica& replica_;
  const StepBatch& batch_;
  StepContext context_;
};

struct Kept {
  std::vector<std::int64_t> measured, told;  // by world rank
};

Kept kept_of(const RunConfig& config) {
  const Mesh mesh = mesh_of(config.mesh);
  Kept kept{std::vector<std::int64_t>(static_cast<std::size_t>(mesh.size())),
            std::vector<std::int64_t>(static_cast<std::size_t>(mesh.size()))};
  std::mutex mutex;
  run_local_ranks(mesh.size(), [&](std::unique_ptr<Communicator> world) {
    prepare_process(1);
    const int rank = world->rank(), stage = mesh.coordinate(rank, Axis::pp);
    test::InspectingStorage storage;
    const TokenSource source(config.data.train, Split::train, config.model.sequence, storage);
    Communicators communicators(mesh, std::move(world), 1, {}, context_sharding(config.mesh).exchanging());
    Replica replica(config, communicators);
    Loader loader(source, {config.train.microbatch, accumulation(config), 1}, communicators, initial_data_state(source, 1));
    MeasuredStage measured(replica, loader.next());
    replica.training.run(measured);
    const ActivationShare share{.samples = config.train.microbatch,
                                .length = config.model.sequence / config.mesh.cp,
                                .tp = mesh.size(Axis::tp),
                                .tp_rank = mesh.coordinate(rank, Axis::tp),
                                .sequence_parallel = config.mesh.sequence_parallel,
                                .recompute = config.train.recompute,
                                .dtype = config.train.dtype,
                                .context = context_sharding(config.mesh),
                                .context_rank = mesh.coordinate(rank, Axis::cp)};
    const PipelinePlan& plan = replica.training.plan();
    std::vector<Bytes> forward, halves;
    for (const StageChunk& chunk : partition_layers(config.model.layers, plan.stages, plan.chunks, stage)) {
      forward.push_back(kept_activations(config.model, chunk, share));
      halves.push_back(kept_between_halves(config.model, chunk, share));
    }
    const std::lock_guard lock(mutex);
    kept.measured[static_cast<std::size_t>(rank)] = measured.most.value;
    kept.told[static_cast<std::size_t>(rank)] = most_kept(plan, stage, forward, halves).value;
  });
  return kept;
}

}  // namespace

TEST_CASE("what stages keep of microbatches in flight is what accounting says, to the byte, with every schedule, policy and strategy") {
  const TinyRun tiny;
  std::vector<Keys> cases;
  for (const char* schedule : {"gpipe", "1f1b", "interleaved", "zero_bubble"})
    for (const char* policy : {"none", "selective", "core", "full"})
      cases.push_back({"mesh.pp=2", fmt::format("mesh.schedule=\"{}\"", schedule), fmt::format("train.recompute=\"{}\"", policy),
                       fmt::format("mesh.virtual_stages={}", std::string(schedule) == "interleaved" ? 2 : 1)});
  for (const Keys& mesh : std::vector<Keys>{{"mesh.tp=2", "mesh.sequence_parallel=true"},
                                            {"mesh.cp=2"},
                                            {"mesh.cp=2", "mesh.attention=\"ulysses\"", "model.kv_heads=1"},
                                            {"mesh.cp=3", "mesh.attention=\"ulysses\"", "model.sequence=24"},
                                            {"mesh.cp=2", "mesh.attention=\"gather_kv\""},
                                            {"mesh.cp=4", "mesh.attention=\"hybrid\"", "mesh.ulysses=2"}})
    for (const char* policy : {"none", "core", "full"}) {
      Keys keys = {"mesh.pp=2", "mesh.schedule=\"zero_bubble\"", fmt::format("train.recompute=\"{}\"", policy)};
      keys.insert(keys.end(), mesh.begin(), mesh.end());
      cases.push_back(keys);
    }
  for (const Keys& more : cases)
    for (const char* dtype : {"float64", "bfloat16"}) {
      Keys keys = {"model.layers=4", "model.tied=false", fmt::format("train.dtype=\"{}\"", dtype)};
      keys.insert(keys.end(), more.begin(), more.end());
      const Kept kept = kept_of(tiny.config(keys));
      CAPTURE(keys);
      CHECK(kept.measured == kept.told);
    }
}
