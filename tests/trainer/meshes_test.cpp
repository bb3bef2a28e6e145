// SPDX-License-Identifier: Apache-2.0
// The meshes of tests/meshes.txt with as many ranks as mpirun started, with labels that count differently in every part of a step: all of
// SPEC 2, over MPI.
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <sstream>

#include "parallel/communicator_mpi.hpp"
#include "tests/trainer/mesh_run.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::RankOfRun;

namespace {

using Keys = std::vector<std::string>;
constexpr int steps = 20;

std::vector<Keys> all_meshes() {
  std::istringstream file(test::read_file(std::string(std::getenv("ERGON_SOURCE")) + "/tests/meshes.txt"));
  std::vector<Keys> meshes;
  for (std::string line; std::getline(file, line);)
    if (!line.empty() && line.front() != '#') {
      std::istringstream words(line);
      meshes.emplace_back(std::istream_iterator<std::string>(words), std::istream_iterator<std::string>());
    }
  return meshes;
}

std::string text(const Keys& keys) {
  std::string line;
  for (const std::string& key : keys) line += key + " ";
  return line;
}

RunConfig config_of(const test::TinyRun& tiny, Keys mesh) {
  mesh.insert(mesh.begin(), {"model.layers=4", fmt::format("train.steps={}", steps), "optimizer.clip=0.5"});
  return tiny.config(mesh);
}

// The losses of a run, whose first step `look` sees.
std::vector<double> run_of(RankOfRun& rank, const std::function<void(const StepResult&)>& look) {
  std::vector<double> losses;
  for (int step = 1; step <= steps; ++step) {
    const StepResult result = run_step(rank.replica, rank.loader.next(), step);
    losses.push_back(result.loss);
    if (step == 1) look(result);
  }
  return losses;
}

struct OneRank {
  explicit OneRank(const RunConfig& config) {
    test::on_mesh(config,
                  [&](RankOfRun& rank) { losses = run_of(rank, [&](const StepResult& result) { first = test::whole_of(rank, result); }); });
  }
  test::Whole first;
  std::vector<double> losses;
};

void check_rank(RankOfRun& rank, const OneRank& one) {
  test::Worst scalars, gradients, updated;
  const std::vector<double> losses = run_of(rank, [&](const StepResult& result) {
    scalars.see(std::abs(result.loss - one.first.result.loss), "loss");
    scalars.see(std::abs(result.grad_norm - one.first.result.grad_norm), "norm");
    CHECK(result.clipped);
    test::compare(rank, one.first, gradients, updated);
  });
  double worst = 0;
  for (std::size_t i = 0; i < losses.size(); ++i) worst = std::max(worst, std::abs(losses[i] - one.losses[i]));
  CAPTURE(scalars.where(), gradients.where(), updated.where());
  CHECK(scalars.error() <= 1e-11);
  CHECK(gradients.error() <= 1e-12);
  CHECK(gradients.seen() > 0);
  CHECK(updated.error() <= 1e-10);
  CHECK(worst <= 1e-10);
}

}  // namespace

TEST_CASE("meshes: 20 losses in fp64 and all of step 1 are those of one rank, with valid labels that differ between all parts of a step") {
  const int size = make_mpi_world()->size();
  const test::TinyRun tiny;
  prepare_process(1);
  const OneRank one(config_of(tiny, {}));
  CHECK(one.losses.back() < one.losses.front() - 0.5);
  int seen = 0;
  for (const Keys& mesh : all_meshes()) {
    const RunConfig config = config_of(tiny, mesh);
    if (mesh_of(config.mesh).size() != size) continue;
    INFO(text(mesh));
    CHECK(plan_refusals(config, size).empty());
    RankOfRun rank(config, make_mpi_world());
    check_rank(rank, one);
    ++seen;
  }
  CHECK(seen > 0);
}
