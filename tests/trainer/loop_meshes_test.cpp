// SPDX-License-Identifier: Apache-2.0
// Whole runs on meshes of threads train the model of one rank.
#include <atomic>
#include <cmath>
#include <optional>

#include "tests/trainer/tiny_run.hpp"
#include "trainer/events.hpp"
#include "trainer/loop.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TinyRun;

TEST_CASE("every mesh gives the same 20 losses in fp64, with valid labels that differ between all parts of a step") {
  const TinyRun tiny;
  const auto uneven = [](LoopOptions& options) { options.label_mask = test::uneven_labels; };
  const RunConfig one = tiny.config({"train.steps=20"});
  tiny.run(one, uneven);
  const auto reference = tiny.losses(one);
  REQUIRE(reference.size() == 20);
  for (const int dp : {1, 2, 4})
    for (const int tp : {1, 2, 4}) {
      const std::string name = "dp" + std::to_string(dp) + "tp" + std::to_string(tp);
      const RunConfig config = tiny.config({"train.steps=20", "mesh.dp=" + std::to_string(dp), "mesh.tp=" + std::to_string(tp),
                                            "run.folder=\"" + tiny.folder / name + "\""});
      tiny.run(config, uneven);
      INFO(name);
      CHECK(test::worst_difference(tiny.losses(config), reference) <= 1e-10);
    }
}

namespace {

// 20 steps on a mesh, of sequences that 2, 3 and 4 context ranks can cut, compared with one rank.
void check_context(const TinyRun& tiny, const std::vector<std::string>& model, const std::vector<std::vector<std::string>>& meshes) {
  const auto uneven = [](LoopOptions& options) { options.label_mask = test::uneven_labels; };
  const auto config_of = [&](const std::string& folder, const std::vector<std::string>& mesh) {
    std::vector<std::string> keys = {"train.steps=20", "train.evaluate_every=10", "checkpoint.every=1000", "model.sequence=24",
                                     "run.folder=\"" + tiny.folder / folder + "\""};
    keys.insert(keys.end(), model.begin(), model.end());
    keys.insert(keys.end(), mesh.begin(), mesh.end());
    return tiny.config(keys);
  };
  const RunConfig one = config_of("one", {});
  const std::optional<double> validation = tiny.run(one, uneven).validation_loss;
  const auto reference = tiny.losses(one);
  REQUIRE(reference.size() == 20);
  for (const std::vector<std::string>& mesh : meshes) {
    std::string name;
    for (const std::string& key : mesh) name += key.substr(key.find('.') + 1) + " ";
    INFO(name);
    const RunConfig config = config_of(std::to_string(&mesh - meshes.data()), mesh);
    const RunResult result = tiny.run(config, uneven);
    CHECK(test::worst_difference(tiny.losses(config), reference) <= 1e-10);
    CHECK(std::abs(*result.validation_loss - *validation) <= 1e-10);
  }
}

std::string attention(const char* name) { return std::string("mesh.attention=") + name; }
std::string layout(const char* name) { return std::string("mesh.layout=") + name; }

}  // namespace

TEST_CASE("context parallelism gives the same 20 losses in fp64: a ring in every layout, alone and with data and tensor ranks") {
  const TinyRun tiny;
  check_context(tiny, {},
                {{"mesh.cp=2", layout("zigzag")},
                 {"mesh.cp=2", layout("striped")},
                 {"mesh.cp=3", layout("contiguous")},
                 {"mesh.cp=4", layout("zigzag")},
                 {"mesh.dp=2", "mesh.cp=2", layout("zigzag")},
                 {"mesh.cp=2", "mesh.tp=2", layout("striped")},
                 {"mesh.dp=2", "mesh.cp=2", "mesh.tp=2", layout("zigzag"), "mesh.order=\"dp-cp-tp-pp\""}});
}

TEST_CASE("context parallelism gives the same 20 losses in fp64: head exchange, gathered keys, hybrid") {
  const TinyRun tiny;
  check_context(tiny, {},
                {{"mesh.cp=2", attention("ulysses"), layout("contiguous")},
                 {"mesh.cp=3", attention("ulysses"), layout("zigzag")},
                 {"mesh.cp=2", "mesh.tp=2", attention("ulysses"), layout("striped")},
                 {"mesh.cp=2", attention("gather_kv"), layout("zigzag")},
                 {"mesh.cp=4", attention("gather_kv"), layout("striped"), "mesh.gather_heads=2"},
                 {"mesh.dp=2", "mesh.cp=2", attention("gather_kv"), layout("contiguous")},
                 {"mesh.cp=4", attention("hybrid"), "mesh.ulysses=2", layout("zigzag")},
                 {"mesh.cp=4", attention("hybrid"), "mesh.ulysses=2", layout("striped")}});
}

TEST_CASE("context parallelism gives the same 20 losses in fp64 with a window and learned positions") {
  const TinyRun tiny;
  check_context(tiny, {"model.window=7", "model.positions=learned", "model.norm=layernorm", "model.mlp=gelu"},
                {{"mesh.cp=2", layout("zigzag")},
                 {"mesh.cp=4", layout("striped")},
                 {"mesh.cp=2", attention("ulysses")},
                 {"mesh.cp=2", attention("gather_kv")},
                 {"mesh.cp=4", attention("hybrid"), "mesh.ulysses=2"}});
}

TEST_CASE("a run goes on with another number of context ranks and another way of sharding attention") {
  const TinyRun tiny;
  const RunConfig whole = tiny.config({"train.steps=12"});
  tiny.run(whole);
  const auto cut = [&](const std::vector<std::string>& mesh) {
    std::vector<std::string> keys = {"train.steps=12", "run.folder=\"" + tiny.folder / "cut" + "\""};
    keys.insert(keys.end(), mesh.begin(), mesh.end());
    return tiny.config(keys);
  };
  std::atomic<int> asked = 0;
  const auto stop = [&](LoopOptions& options) {
    options.pending_stop = [&] { return ++asked > 8 ? StopRequest::requeue : StopRequest::none; };
  };
  CHECK(tiny.run(cut({"mesh.cp=2"}), stop).code == ExitCode::saved);
  CHECK(tiny.run(cut({"mesh.cp=4", "mesh.attention=gather_kv", "mesh.layout=striped"})).code == ExitCode::ok);
  CHECK(test::worst_difference(tiny.losses(cut({})), tiny.losses(whole)) <= 1e-10);
}

TEST_CASE("the gradient norm is the same on every mesh") {
  const TinyRun tiny;
  std::map<std::string, std::vector<double>> norms;
  for (const auto& [dp, tp] : {std::pair("1", "1"), std::pair("2", "2"), std::pair("1", "4")}) {
    const std::string name = std::string("dp") + dp + "tp" + tp;
    const RunConfig config = tiny.config({"train.steps=3", "train.evaluate_every=0", std::string("mesh.dp=") + dp,
                                          std::string("mesh.tp=") + tp, "run.folder=\"" + tiny.folder / name + "\""});
    tiny.run(config);
    for (const auto& [step, event] : loss_curve(tiny.events(config), "events")) norms[name].push_back(event.grad_norm);
  }
  REQUIRE(norms["dp1tp1"].size() == 3);
  for (const char* name : {"dp2tp2", "dp1tp4"}) {
    INFO(name);
    REQUIRE(norms[name].size() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK(norms[name][i] == Approx(norms["dp1tp1"][i]).epsilon(1e-10));
  }
}

TEST_CASE("microbatches and buckets change nothing in the mathematics") {
  const TinyRun tiny;
  const auto uneven = [](LoopOptions& options) { options.label_mask = test::uneven_labels; };
  const RunConfig one = tiny.config();
  tiny.run(one, uneven);
  const std::vector<std::vector<std::string>> variants = {
      {"train.microbatch=4"}, {"train.microbatch=8"}, {"mesh.dp=2", "mesh.bucket=\"4 KiB\""}};
  for (std::size_t i = 0; i < variants.size(); ++i) {
    std::vector<std::string> keys = variants[i];
    keys.push_back("run.folder=\"" + tiny.folder / std::to_string(i) + "\"");
    const RunConfig config = tiny.config(keys);
    tiny.run(config, uneven);
    CHECK(test::worst_difference(tiny.losses(config), tiny.losses(one)) <= 1e-10);
  }
}
