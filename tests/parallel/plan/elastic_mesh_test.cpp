// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/elastic_mesh.hpp"

#include "configs/error.hpp"
#include "parallel/plan/refusals.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

RunConfig run(std::int64_t dp, std::int64_t tp, std::int64_t batch, std::int64_t microbatch) {
  RunConfig config;
  config.model.layers = 4;
  config.model.heads = config.model.kv_heads = 4;
  config.mesh.dp = dp;
  config.mesh.tp = tp;
  config.train.batch = batch;
  config.train.microbatch = microbatch;
  config.launch.nodes = 4;
  config.launch.min_nodes = 1;
  return config;
}

std::string refusal(const RunConfig& config, std::int64_t world) {
  try {
    fit_mesh(config, world);
  } catch (const Error& error) {
    return error.problem() + " | " + error.hint() + " | " + std::to_string(static_cast<int>(error.code()));
  }
  return "";
}

}  // namespace

TEST_CASE("elastic_mesh: the whole mesh where all ranks are there") {
  CHECK(fit_mesh(run(8, 1, 64, 8), 8) == FittedMesh{8, 1, 1, 1, 8});
  CHECK(fit_mesh(run(2, 4, 64, 8), 8) == FittedMesh{2, 1, 1, 4, 8});
}

TEST_CASE("elastic_mesh: dp is the largest that fits and divides the batch; the microbatch divides what is left") {
  CHECK(fit_mesh(run(8, 1, 64, 8), 7) == FittedMesh{4, 1, 1, 1, 8});  // 5, 6 and 7 do not divide 64
  CHECK(fit_mesh(run(8, 1, 60, 5), 7) == FittedMesh{6, 1, 1, 1, 5});  // 10 sequences a rank
  CHECK(fit_mesh(run(4, 1, 12, 3), 2) == FittedMesh{2, 1, 1, 1, 3});
  CHECK(fit_mesh(run(4, 1, 28, 7), 2) == FittedMesh{2, 1, 1, 1, 7});
  CHECK(fit_mesh(run(6, 1, 12, 2), 4) == FittedMesh{4, 1, 1, 1, 1});  // 3 sequences a rank: microbatches of 1, not of 2
  CHECK(fit_mesh(run(4, 2, 64, 8), 7) == FittedMesh{2, 1, 1, 2, 8});  // three groups of two ranks are there, and 3 does not divide 64
}

TEST_CASE("elastic_mesh: what is chosen runs, on any number of ranks") {
  for (std::int64_t batch : {8, 12, 30, 64})
    for (std::int64_t tp : {1, 2, 4})
      for (std::int64_t world = tp; world <= 17; ++world) {
        const RunConfig config = run(4, tp, batch, 4);
        const FittedMesh mesh = fit_mesh(config, world);
        CHECK(mesh.ranks() <= world);
        CHECK(batch % (mesh.dp * mesh.microbatch) == 0);
        CHECK(mesh.microbatch <= 4);
        CHECK(plan_refusals(on_mesh(config, mesh), static_cast<int>(mesh.ranks())).empty());
        for (std::int64_t dp = mesh.dp + 1; dp * tp <= world; ++dp) CHECK(batch % dp != 0);  // none larger
      }
}

TEST_CASE("elastic_mesh: fewer ranks than one replica are refused with the numbers that do") {
  CHECK(refusal(run(4, 4, 64, 8), 3) == "no mesh of this run fits 3 ranks | numbers of ranks that do: 4, 8, 16 | 4");
}

TEST_CASE("elastic_mesh: the list of the user decides, the run's own mesh first") {
  RunConfig config = run(4, 2, 64, 8);
  config.launch.meshes = {"dp=2 tp=2", "dp=3", "pp=2"};
  CHECK(fit_mesh(config, 8).ranks() == 8);
  CHECK(fit_mesh(config, 7) == FittedMesh{2, 1, 1, 2, 8});
  CHECK(fit_mesh(config, 3).pp == 2);  // 3 does not divide 64
  CHECK(refusal(config, 1).find("no mesh of this run fits 1 rank |") == 0);
  for (const char* entry : {"dp", "dp=", "dp=0", "dp=2x", "dp=2 dp=3", "ep=2", "dp=-1", " "}) {
    config.launch.meshes = {entry};
    CHECK(refusal(config, 1).find("is no mesh") != std::string::npos);
  }
}

TEST_CASE("elastic_mesh: only a run that says so is elastic") {
  RunConfig config;
  CHECK_FALSE(is_elastic(config));
  config.launch.min_nodes = 2;
  CHECK(is_elastic(config));
  config.launch.min_nodes = 0;
  config.launch.meshes = {"dp=1"};
  CHECK(is_elastic(config));
}

TEST_CASE("elastic_mesh: what an axis is told goes with the axis") {
  RunConfig config = run(4, 2, 64, 8);
  config.mesh.zero = 3;
  config.mesh.sequence_parallel = true;
  CHECK(fit_mesh(config, 3) == FittedMesh{1, 1, 1, 2, 8});  // nobody is left to share with
  CHECK(on_mesh(config, {1, 1, 1, 2, 8}).mesh.zero == 0);
  CHECK(on_mesh(config, {2, 1, 1, 2, 8}).mesh.zero == 3);
  CHECK_FALSE(on_mesh(config, {2, 1, 1, 1, 8}).mesh.sequence_parallel);
}
