// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/run_needs.hpp"

#include <fmt/format.h>

#include "accounting/parameters.hpp"
#include "configs/parse.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

RunConfig config(std::vector<std::string> keys) {
  keys.insert(keys.begin(), "data.train=[\"tokens.h5\"]");
  return parse_run_text("", "test", keys);
}

std::string mesh_of_needs(const RunNeeds& needs) {
  std::string text;
  for (const Finding& finding : needs.mesh) text += fmt::format("{} {}: {}\n", name(finding.condition), finding.part, finding.found);
  return text;
}

}  // namespace

TEST_CASE("run_needs: does the mesh fit the ranks") {
  CHECK(mesh_of_needs(needs_of(config({"mesh.dp=4"}), 4)) == "good mesh: dp=4 pp=1 cp=1 tp=1 on 4 ranks\n");
  const RunNeeds wrong = needs_of(config({"mesh.dp=4"}), 3);
  REQUIRE(wrong.mesh.size() == 1);
  CHECK(wrong.mesh[0].condition == Condition::broken);
  CHECK(wrong.mesh[0].found.find("3") != std::string::npos);
  CHECK_FALSE(wrong.mesh[0].cure.empty());
}

TEST_CASE("run_needs: an elastic run takes what it can") {
  CHECK(mesh_of_needs(needs_of(config({"mesh.dp=4", "launch.min_nodes=1", "launch.nodes=4"}), 3)) ==
        "note mesh: dp=2 pp=1 cp=1 tp=1 takes 2 of 3 ranks, the others are idle\n");
  const RunNeeds none = needs_of(config({"mesh.dp=4", "mesh.tp=2", "launch.min_nodes=1", "launch.nodes=4"}), 1);
  REQUIRE(none.mesh.size() == 1);
  CHECK(none.mesh[0].condition == Condition::broken);
}

TEST_CASE("run_needs: bytes of checkpoints and of a rank's part") {
  const RunConfig run = config({"mesh.dp=2", "mesh.tp=2", "checkpoint.keep=2", "run.threads=3", "launch.interface=ib0"});
  const RunNeeds needs = needs_of(run, 4);
  const std::int64_t parameters = count_parameters(run.model).total;
  CHECK(needs.checkpoint.value == 12 * parameters);
  CHECK(needs.checkpoints == 3);
  CHECK(needs.state.value == 6 * parameters);
  CHECK(needs.equal_parts);
  CHECK_FALSE(needs_of(config({"mesh.pp=2"}), 2).equal_parts);
  CHECK(needs_of(config({"mesh.dp=2", "mesh.zero=1"}), 2).state.value == 6 * parameters);
  CHECK(needs_of(config({"train.dtype=float64"}), 1).checkpoint.value == 24 * parameters);
  CHECK(needs.threads == 3);
  CHECK(needs.interface == "ib0");
  CHECK(needs.folder_named);
  CHECK_FALSE(needs.cuda);
  CHECK_FALSE(needs.peak.has_value());
  CHECK(needs_of(config({"accounting.peak=h100-sxm", "run.device=cuda"}), 1).peak.has_value());
}
