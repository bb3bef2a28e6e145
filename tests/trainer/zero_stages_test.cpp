// SPDX-License-Identifier: Apache-2.0
// ZeRO in pipelines, with every schedule, against one rank that has everything: the mathematics, what travels, the memory that is taken.
#include <cmath>

#include "parallel/plan/zero_memory.hpp"
#include "tests/trainer/mesh_run.hpp"
#include "trainer/events.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::RankOfRun;
using test::TinyRun;

namespace {

using Keys = std::vector<std::string>;

Keys with_keys(Keys keys, const Keys& more) {
  keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

const Keys base = {"model.layers=4", "mesh.pp=2", "mesh.dp=2"};

Keys scheduled(const std::string& schedule) {
  return {"mesh.schedule=\"" + schedule + "\"", schedule == "interleaved" ? "mesh.virtual_stages=2" : "mesh.virtual_stages=1"};
}

// Pipelines under ZeRO, each with a name: every schedule, and three or four axes of the mesh at once.
std::vector<Keys> meshes() {
  std::vector<Keys> all;
  for (const char* zero : {"mesh.zero=1", "mesh.zero=3"}) {
    for (const char* schedule : {"gpipe", "1f1b", "interleaved", "zero_bubble"}) all.push_back(with_keys(scheduled(schedule), {zero}));
    all.push_back({zero, "mesh.tp=2", "mesh.sequence_parallel=true", "mesh.bucket=\"4 KiB\"", "train.recompute=selective"});
    all.push_back({zero, "mesh.cp=2", "mesh.schedule=\"zero_bubble\"", "train.recompute=full", "mesh.order=\"dp-tp-cp-pp\""});
    all.push_back({zero, "mesh.cp=2", "mesh.dp=1", "mesh.attention=\"ulysses\"", "train.recompute=core"});
    all.push_back({zero, "mesh.pp=4", "mesh.order=\"pp-dp-tp-cp\"", "train.microbatch=2"});
  }
  return all;
}

// One table for embedding and head, with and without positions; a table each. Chunks of 1 and 2 layers.
const std::vector<Keys> shapes = {{},
                                  {"model.norm=layernorm", "model.positions=learned", "model.mlp=gelu", "model.layers=5"},
                                  {"model.tied=false", "model.positions=learned"}};

std::vector<double> losses(const TinyRun& tiny, const Keys& keys, const std::string& name) {
  const RunConfig config = tiny.config(
      with_keys(keys, {"train.steps=20", "train.evaluate_every=10", "checkpoint.every=0", "run.folder=\"" + tiny.folder / name + "\""}));
  const RunResult result = tiny.run(config, [](LoopOptions& options) { options.label_mask = test::uneven_labels; });
  std::vector<double> curve;
  for (const auto& [step, event] : loss_curve(tiny.events(config), "events")) curve.push_back(event.loss);
  curve.push_back(result.validation_loss.value());
  return curve;
}

// Operations on gradients and parameters, "group operation elements" -> how often over all ranks.
class SeenSizes final : public CommunicationObserver {
 public:
  void completed(const CommunicationEvent& event) override {
    if (event.dtype != at::kFloat) return;
    const std::lock_guard lock(mutex_);
    bytes_[event.group] += event.bytes.value;
    ++operations_[fmt::format("{} {} {}", event.group, name(event.operation), event.elements)];
  }
  std::int64_t bytes(const std::string& group) const { return bytes_.at(group); }
  const std::map<std::string, int>& operations() const { return operations_; }

 private:
  std::mutex mutex_;
  std::map<std::string, std::int64_t> bytes_;
  std::map<std::string, int> operations_;
};

}  // namespace

TEST_CASE("zero: on stages of a pipeline every gradient, the norm, every master, moment and weight are those of one rank") {
  const TinyRun tiny;
  for (const Keys& shape : shapes) {
    const test::Whole one = test::whole_of_one_rank(tiny.config(with_keys({"model.layers=4"}, shape)));
    for (const Keys& mesh : meshes()) {
      test::Worst worst, scalars;
      test::on_mesh(tiny.config(with_keys(with_keys(base, shape), mesh)), [&](RankOfRun& rank) {
        const StepResult result = rank.steps(1);
        scalars.see(std::abs(result.loss - one.result.loss), "loss");
        scalars.see(std::abs(result.grad_norm - one.result.grad_norm), "norm");
        test::compare(rank, one, worst);
      });
      CAPTURE(shape, mesh, worst.where(), scalars.where());
      CHECK(worst.error() <= 1e-12);
      CHECK(scalars.error() <= 1e-12);
      CHECK(worst.seen() > 100);
    }
  }
}

TEST_CASE("zero: 20 losses of pipelines in fp64 are those of one rank") {
  const TinyRun tiny;
  const std::vector<double> one = losses(tiny, {"model.layers=4"}, "one");
  REQUIRE(one.size() == 21);
  int number = 0;
  for (const Keys& mesh : meshes()) {
    const std::vector<double> curve = losses(tiny, with_keys(base, mesh), std::to_string(number++));
    CAPTURE(mesh);
    REQUIRE(curve.size() == one.size());
    double worst = 0;
    for (std::size_t i = 0; i < one.size(); ++i) worst = std::max(worst, std::abs(curve[i] - one[i]));
    CHECK(worst <= 1e-10);
  }
}

TEST_CASE("zero: what travels over dp and between holders of a table is what the formulas say, with every schedule") {
  // Elements of the units in float32, as in zero_test.cpp: table, layer, head; two layers a stage.
  constexpr std::int64_t table = 384 * 32, layer = 32 + 64 * 32 + 64 + 32 * 32 + 32 + 32 + 128 * 32 + 128 + 32 * 64 + 32, head = 32;
  constexpr std::int64_t first = table + 2 * layer, last = first + head, n = 2, microbatches = 4, e = 4;
  using Operations = std::map<std::string, int>;
  const std::string data = (Axis::dp | Axis::cp).to_string();
  const auto name = [&](const std::string& operation, std::int64_t elements) { return fmt::format("{} {} {}", data, operation, elements); };
  const TinyRun tiny;
  for (const char* schedule : {"gpipe", "1f1b", "interleaved", "zero_bubble"}) {
    CAPTURE(schedule);
    const auto seen_in = [&](SeenSizes& seen, const Keys& keys) {
      test::on_mesh(tiny.config(with_keys(with_keys(with_keys(base, scheduled(schedule)), keys), {"train.dtype=float32"})),
                    [&](RankOfRun& rank) {
                      for (Communicator* group : {rank.communicators.dp_cp.get(), rank.communicators.embedding.get()})
                        group->observe(&seen);
                      rank.steps(1);
                      for (Communicator* group : {rank.communicators.dp_cp.get(), rank.communicators.embedding.get()})
                        group->observe(nullptr);
                    });
    };
    SeenSizes zero1;
    seen_in(zero1, {"mesh.zero=1"});
    CHECK(zero1.operations() == Operations{{name("reduce_scatter", first / n), n},
                                           {name("reduce_scatter", last / n), n},
                                           {name("all_gather", first / n), n},
                                           {name("all_gather", last / n), n},
                                           {fmt::format("embedding all_reduce {}", table), 2 * n}});
    CHECK(zero1.bytes(data) == 2 * (n - 1) * (first + last) * e);

    // Each unit gathered for forward and for backward, but for the table of the embedding, whose backward reads no weights. Owners of the
    // table sum what they have once.
    for (const char* deterministic : {"run.deterministic=false", "run.deterministic=true"}) {
      const char* sum = std::string(deterministic) == "run.deterministic=true" ? "all_to_all" : "reduce_scatter";
      CAPTURE(deterministic);
      SeenSizes zero3;
      seen_in(zero3, {"mesh.zero=3", deterministic});
      const auto times = [&](std::int64_t count) { return static_cast<int>(n * microbatches * count); };
      CHECK(zero3.operations() == Operations{{name("all_gather", table / n), times(3)},
                                             {name("all_gather", layer / n), times(4 * 2)},
                                             {name("all_gather", head / n), times(2)},
                                             {name(sum, table / n), times(2)},
                                             {name(sum, layer / n), times(4)},
                                             {name(sum, head / n), times(1)},
                                             {fmt::format("embedding all_reduce {}", table / n), 2 * n}});
      CHECK(zero3.bytes(data) == microbatches * (n - 1) * (3 * (first + last) - table) * e);
      CHECK(zero3.bytes("embedding") == n * 2 * (2 - 1) * (table / n) * e);
    }
  }
}

TEST_CASE("zero: the memory of a stage is that of the plan") {
  const TinyRun tiny;
  const Keys many = {"train.dtype=bfloat16", "mesh.dp=4", "mesh.pp=2", "model.layers=8", "mesh.bucket=\"16 KiB\""};
  for (const Keys& shape : shapes)
    for (const char* schedule : {"1f1b", "interleaved"})
      for (const char* ordered : {"false", "true"})
        for (const int zero : {0, 1, 3}) {
          const RunConfig config = tiny.config(with_keys(with_keys(with_keys(shape, many), scheduled(schedule)),
                                                         {fmt::format("mesh.zero={}", zero), std::string("run.deterministic=") + ordered}));
          std::mutex mutex;
          std::string wrong;
          test::on_mesh(config, [&](RankOfRun& rank) {
            const ParameterStore& store = rank.replica.parameters;
            const StateBytes planned = state_bytes(store.unit_ranges(), {.stage = static_cast<ZeroStage>(zero),
                                                                         .ranks = 4,
                                                                         .deterministic = config.run.deterministic,
                                                                         .units = test::units_of(rank),
                                                                         .weight_size = 2,
                                                                         .bucket = config.mesh.bucket});
            const Bytes moments{static_cast<std::int64_t>(rank.replica.first_moment.nbytes() + rank.replica.second_moment.nbytes())};
            const Bytes allocated = store.allocated() + rank.replica.reduction->buffer_bytes();
            const std::lock_guard lock(mutex);
            if (!(moments == planned.optimizer)) wrong += fmt::format("moments {} not {};", moments.value, planned.optimizer.value);
            if (!(allocated == planned.parameters + planned.gradients))
              wrong += fmt::format("{} not {} + {};", allocated.value, planned.parameters.value, planned.gradients.value);
          });
          CAPTURE(shape, schedule, ordered, zero);
          CHECK(wrong == "");
        }
}
