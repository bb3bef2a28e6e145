// SPDX-License-Identifier: Apache-2.0
// Pipelines, sequence parallelism and recompute on meshes of threads: the same model as on one rank, the counts that were predicted, and
// the messages of the formulas.
#include <fmt/format.h>

#include "tests/trainer/mesh_step.hpp"
#include "trainer/events.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::Differences;
using test::MeshStep;
using test::TinyRun;

namespace {

using Keys = std::vector<std::string>;

Keys joined(Keys a, const Keys& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const Keys four_layers = {"model.layers=4", "train.evaluate_every=0"};
const Keys gpt = {"model.norm=layernorm", "model.positions=learned", "model.mlp=gelu", "model.kv_heads=4", "model.biases=true"};

// Pipelines with every schedule: 2 and 4 stages, tensor and data ranks beside them.
std::vector<Keys> pipelines() {
  std::vector<Keys> all;
  const std::vector<Keys> sizes = {{"mesh.pp=2"}, {"mesh.pp=4"}, {"mesh.pp=2", "mesh.tp=2"}, {"mesh.pp=2", "mesh.dp=2"}};
  for (const Keys& mesh : sizes)
    for (const char* schedule : {"gpipe", "1f1b", "zero_bubble"})
      all.push_back(joined(mesh, {fmt::format("mesh.schedule=\"{}\"", schedule)}));
  for (const Keys& mesh : {sizes[0], sizes[2], sizes[3]})
    all.push_back(joined(mesh, {"mesh.schedule=\"interleaved\"", "mesh.virtual_stages=2"}));
  return all;
}

std::vector<Keys> sequence_parallel() {
  return {{"mesh.tp=2", "mesh.sequence_parallel=true"},
          {"mesh.tp=4", "mesh.sequence_parallel=true"},
          {"mesh.tp=4", "mesh.sequence_parallel=true", "train.microbatch=2"},
          {"mesh.tp=4", "mesh.sequence_parallel=true", "train.microbatch=2", "model.sequence=14", "train.recompute=full"},
          {"mesh.tp=2", "mesh.pp=2", "mesh.sequence_parallel=true", "mesh.schedule=\"zero_bubble\""},
          {"mesh.tp=2", "mesh.dp=2", "mesh.sequence_parallel=true", "train.microbatch=2"}};
}

std::vector<Keys> recomputed() {
  std::vector<Keys> all;
  for (const char* policy : {"selective", "core", "full"})
    for (const Keys& mesh : std::vector<Keys>{{},
                                              {"mesh.tp=2"},
                                              {"mesh.tp=2", "mesh.sequence_parallel=true"},
                                              {"mesh.pp=2", "mesh.schedule=\"1f1b\""},
                                              {"mesh.pp=2", "mesh.schedule=\"zero_bubble\""}})
      all.push_back(joined(mesh, {fmt::format("train.recompute=\"{}\"", policy)}));
  return all;
}

// Of keys that change what is computed, and not only how.
Keys same_model(const Keys& keys) {
  Keys model;
  for (const std::string& key : keys)
    if (key.starts_with("model.") || key.starts_with("train.microbatch")) model.push_back(key);
  return model;
}

void check_first_steps(const TinyRun& tiny, const std::vector<Keys>& cases) {
  for (const Keys& shape : {Keys{"model.tied=true"}, Keys{"model.tied=false"}, joined(gpt, {"model.tied=true"})}) {
    std::map<Keys, test::Whole> references;
    for (const Keys& keys : cases) {
      const Keys base = joined(joined(four_layers, shape), same_model(keys));
      if (!references.contains(base)) references[base] = test::whole_of_one_rank(tiny.config(base));
      Differences worst;
      const MeshStep step = test::compare_step(tiny.config(joined(base, keys)), references[base], worst);
      CAPTURE(keys, shape, worst.gradients.where(), worst.updated.where());
      CHECK(worst.loss.error() <= 1e-12);
      CHECK(worst.norm.error() <= 1e-11);
      CHECK(worst.gradients.error() <= 1e-12);
      CHECK(worst.updated.error() <= 1e-10);
      CHECK(worst.gradients.seen() > 0);
      CHECK_NOTHROW(check_audit(step.executed, step.predicted));
    }
  }
}

void check_runs(const TinyRun& tiny, const std::vector<Keys>& cases) {
  const auto curve_of = [&](const RunConfig& config) {
    tiny.run(config, [](LoopOptions& options) { options.label_mask = test::uneven_labels; });
    std::vector<double> losses;
    for (const auto& [step, event] : loss_curve(tiny.events(config), "events")) losses.push_back(event.loss);
    return losses;
  };
  std::map<Keys, std::vector<double>> references;
  int number = 0;
  for (const Keys& keys : cases) {
    const Keys base = joined({"model.layers=4", "train.steps=20", "train.evaluate_every=10"}, same_model(keys));
    const auto in_folder = [&](const Keys& more) {
      return tiny.config(joined(more, {fmt::format("run.folder=\"{}\"", tiny.folder / std::to_string(number++))}));
    };
    if (!references.contains(base)) references[base] = curve_of(in_folder(base));
    const std::vector<double>& reference = references[base];
    const std::vector<double> losses = curve_of(in_folder(joined(base, keys)));
    CAPTURE(keys);
    REQUIRE(reference.size() == 20);
    REQUIRE(losses.size() == 20);
    double worst = 0;
    for (std::size_t i = 0; i < 20; ++i) worst = std::max(worst, std::abs(losses[i] - reference[i]));
    CHECK(worst <= 1e-10);
  }
}

}  // namespace

TEST_CASE("pipelines: step 1 is that of one rank, with every schedule") {
  const TinyRun tiny;
  check_first_steps(tiny, pipelines());
}

TEST_CASE("pipelines: 20 losses are those of one rank, with every schedule") {
  const TinyRun tiny;
  check_runs(tiny, pipelines());
}

TEST_CASE("sequence parallelism: step 1 is that of one rank") {
  const TinyRun tiny;
  check_first_steps(tiny, sequence_parallel());
}

TEST_CASE("sequence parallelism: 20 losses are those of one rank") {
  const TinyRun tiny;
  check_runs(tiny, sequence_parallel());
}

TEST_CASE("recompute: step 1 is that of one rank that keeps everything") {
  const TinyRun tiny;
  check_first_steps(tiny, recomputed());
}

TEST_CASE("recompute: 20 losses are those of one rank that keeps everything") {
  const TinyRun tiny;
  check_runs(tiny, recomputed());
}

namespace {

// What moved over one group in step 1, over all ranks.
std::map<std::pair<std::string, std::int64_t>, std::int64_t> moved_over(const TinyRun& tiny, const std::string& group, const Keys& keys) {
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> moved;
  for (const auto& [what, times] : test::step_on_mesh(tiny.config(joined(four_layers, keys))).moved)
    if (std::get<0>(what) == group) moved[{std::get<1>(what), std::get<2>(what)}] = times;
  return moved;
}
using Messages = std::map<std::pair<std::string, std::int64_t>, std::int64_t>;

// B 1, T 16, D 32; 8 microbatches a step; L 4; V 257, padded to 128 x tp.
constexpr std::int64_t microbatches = 8, rows = 16, stream = 16 * 32, layers = 4;

}  // namespace

TEST_CASE("pipelines: every boundary is crossed once a microbatch in each direction, and a tied table is summed once a step") {
  const TinyRun tiny;
  for (const std::int64_t tp : {1, 2})
    for (const char* schedule : {"gpipe", "1f1b", "interleaved", "zero_bubble"}) {
      const std::int64_t chunks = std::string(schedule) == "interleaved" ? 4 : 2, crossings = (chunks - 1) * microbatches * tp;
      Keys keys = {"mesh.pp=2", fmt::format("mesh.tp={}", tp), fmt::format("mesh.schedule=\"{}\"", schedule),
                   fmt::format("mesh.virtual_stages={}", chunks / 2)};
      CAPTURE(tp, schedule);
      // The loss and the norm are one number each.
      CHECK(moved_over(tiny, "pp", keys) ==
            Messages{{{"send", stream}, crossings}, {{"recv", stream}, crossings}, {{"all_reduce", 1}, 2 * 2 * tp}});
      CHECK(moved_over(tiny, "pp-gradients", keys) == Messages{{{"send", stream}, crossings}, {{"recv", stream}, crossings}});
      const std::int64_t table = (tp == 1 ? 384 : 512 / tp) * 32;
      CHECK(moved_over(tiny, "embedding", keys) == Messages{{{"all_reduce", table}, 2 * tp}});
      keys.push_back("model.tied=false");
      CHECK(moved_over(tiny, "embedding", keys).empty());
    }
}

TEST_CASE("sequence parallelism: gathers and scatters are those of the table, recompute full adds a layer's forward, the others nothing") {
  const TinyRun tiny;
  const std::int64_t tp = 2, part = stream / tp;
  for (const char* policy : {"none", "selective", "core", "full"}) {
    const std::int64_t again = std::string(policy) == "full" ? 2 * layers : 0;
    const Keys common = {"mesh.tp=2", "model.biases=true", fmt::format("train.recompute=\"{}\"", policy)};
    CAPTURE(policy);
    CHECK(moved_over(tiny, "tp", joined(common, {"mesh.sequence_parallel=true"})) ==
          Messages{{{"all_gather", part}, tp * microbatches * (6 * layers + 1 + 2 + again)},
                   {{"reduce_scatter", part}, tp * microbatches * (4 * layers + 1 + 1 + again)},
                   {{"all_reduce", rows}, tp * microbatches},
                   {{"all_reduce", 2 * rows}, tp * microbatches + tp},  // sums of exponentials and labels; once the head's norm, 32
                   {{"all_reduce", 4 * 32}, tp * layers},               // two norms and two biases
                   {{"all_reduce", 1}, tp}});
    CHECK(moved_over(tiny, "tp", common) == Messages{{{"all_reduce", stream}, tp * microbatches * (4 * layers + 2 + again)},
                                                     {{"all_reduce", rows}, tp * microbatches},
                                                     {{"all_reduce", 2 * rows}, tp * microbatches},
                                                     {{"all_reduce", 1}, tp}});
  }
}
