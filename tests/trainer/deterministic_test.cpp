// SPDX-License-Identifier: Apache-2.0
// SPEC of the deterministic mode: losses, norms and validation losses have the same bits over dp and ZeRO, at equal batch and microbatch.
#include <algorithm>

#include "parallel/communicator_mpi.hpp"
#include "tests/trainer/mesh_run.hpp"
#include "trainer/events.hpp"
#include "trainer/rank_zero.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TinyRun;

namespace {

struct Curve {
  std::vector<double> losses, norms;
  double validation = 0;
  bool operator==(const Curve&) const = default;
};

Curve curve_of(const std::string& events, const RunResult& result) {
  Curve curve;
  for (const auto& [step, event] : loss_curve(events, "events")) {
    curve.losses.push_back(event.loss);
    curve.norms.push_back(event.grad_norm);
  }
  curve.validation = result.validation_loss.value_or(-1);
  return curve;
}

void uneven(LoopOptions& options) { options.label_mask = test::uneven_labels; }

// The embedding has more than one block of 65,536 elements, and cuts go through them.
std::vector<std::string> keys(const std::string& dtype, int dp, int zero, bool deterministic = true) {
  return {"train.dtype=" + dtype,
          "train.steps=5",
          "train.evaluate_every=5",
          "checkpoint.every=0",
          "model.width=320",
          "model.layers=1",
          "model.heads=4",
          "model.kv_heads=2",
          "optimizer.clip=0.5",
          fmt::format("mesh.dp={}", dp),
          fmt::format("mesh.zero={}", zero),
          fmt::format("run.deterministic={}", deterministic)};
}

Curve on_threads(const TinyRun& tiny, const std::string& name, std::vector<std::string> more) {
  more.push_back("run.folder=\"" + tiny.folder / name + "\"");
  const RunConfig config = tiny.config(more);
  const RunResult result = tiny.run(config, uneven);
  return curve_of(tiny.events(config), result);
}

}  // namespace

TEST_CASE("deterministic: losses, norms and validation losses are bitwise equal over dp and zero") {
  if (make_mpi_world()->size() > 1) return;  // on threads
  const TinyRun tiny;
  for (const std::string dtype : {"float32", "bfloat16", "float64"}) {
    const Curve one = on_threads(tiny, dtype + "one", keys(dtype, 1, 0));
    REQUIRE(one.losses.size() == 5);
    CHECK(one.losses.back() < one.losses.front());
    for (const int dp : {2, 4})
      for (const int zero : {0, 1, 3}) {
        INFO(dtype << " dp " << dp << " zero " << zero);
        const Curve curve = on_threads(tiny, fmt::format("{}dp{}zero{}", dtype, dp, zero), keys(dtype, dp, zero));
        CHECK(curve.losses == one.losses);
        CHECK(curve.norms == one.norms);
        CHECK(curve.validation == one.validation);
      }
  }
}

TEST_CASE("deterministic: in pipelines too, for every schedule and with context ranks") {
  if (make_mpi_world()->size() > 1) return;
  const TinyRun tiny;
  const auto in = [&](const std::string& name, int dp, int zero, std::vector<std::string> mesh) {
    std::vector<std::string> all = keys("float32", dp, zero);
    all.push_back("model.layers=4");
    all.insert(all.end(), mesh.begin(), mesh.end());
    return on_threads(tiny, name, all);
  };
  const std::vector<std::vector<std::string>> meshes = {
      {"mesh.pp=2", "mesh.schedule=1f1b", "model.positions=learned"},
      {"mesh.pp=2", "mesh.schedule=gpipe", "model.positions=learned"},
      {"mesh.pp=2", "mesh.schedule=interleaved", "mesh.virtual_stages=2"},
      {"mesh.pp=2", "mesh.schedule=zero_bubble", "train.dtype=bfloat16", "model.tied=false"},
      {"mesh.cp=2", "mesh.tp=2"},
      {"mesh.pp=2", "mesh.cp=2", "mesh.attention=ulysses"},
  };
  std::vector<Curve> curves;
  for (const std::vector<std::string>& mesh : meshes) {
    const std::string name = std::to_string(curves.size());
    const Curve one = in(name + "one", 1, 0, mesh);
    REQUIRE(one.losses.size() == 5);
    for (const int zero : {0, 1, 3}) {
      const Curve two = in(fmt::format("{}zero{}", name, zero), 2, zero, mesh);
      CAPTURE(mesh, zero);
      CHECK(two == one);
    }
    curves.push_back(one);
  }
  CHECK(curves[0] == curves[1]);  // both halves of backward at once, in another order of microbatches
}

TEST_CASE("deterministic: the fast mode promises no such thing, and the comparison sees it") {
  if (make_mpi_world()->size() > 1) return;
  const TinyRun tiny;
  const Curve ordered = on_threads(tiny, "ordered", keys("float32", 1, 0)), one = on_threads(tiny, "one", keys("float32", 1, 0, false)),
              four = on_threads(tiny, "four", keys("float32", 4, 0, false));
  CHECK_FALSE(one == four);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(one.losses[i] == Approx(four.losses[i]).epsilon(1e-4));
    CHECK(one.losses[i] == Approx(ordered.losses[i]).epsilon(1e-4));
  }
}

TEST_CASE("deterministic: under mpirun the bits are those of one rank") {
  const int ranks = make_mpi_world()->size();
  if (ranks == 1) return;
  const TinyRun tiny;
  for (const std::string dtype : {"float32", "bfloat16"})
    for (const int zero : {0, 1, 3}) {
      std::unique_ptr<Communicator> world = make_mpi_world();
      const std::string folder = on_rank_zero(*world, [&] { return tiny.folder.path(); });
      const bool first = world->rank() == 0;
      std::vector<std::string> more = keys(dtype, ranks, zero);
      more.push_back("data.train=[\"" + folder + "/tokens.h5\"]");
      more.push_back(fmt::format("run.folder=\"{}/mpi{}{}\"", folder, dtype, zero));
      const RunConfig config = tiny.config(more);
      {
        Communicators communicators(mesh_of(config.mesh), std::move(world), 1);
        test::InspectingStorage storage;
        LoopOptions options;
        uneven(options);
        const RunResult result = run_training(config, communicators, storage, options);
        if (first) {
          INFO(dtype << " zero " << zero << " on " << ranks << " ranks");
          CHECK(result.code == ExitCode::ok);
          const Curve one = on_threads(tiny, fmt::format("one{}{}", dtype, zero), keys(dtype, 1, 0));
          CHECK(one.losses.size() == 5);
          CHECK(curve_of(tiny.events(config), result) == one);
        }
        communicators.control->barrier().wait();
      }
    }
}
