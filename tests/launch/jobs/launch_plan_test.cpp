// SPDX-License-Identifier: Apache-2.0
#include "tests/configs/refusal.hpp"
#include "tests/launch/jobs/launch_fixture.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::planned;
using test::planned_over;
using test::refusal;

TEST_CASE("launch_plan: ranks, and how many lie on a node") {
  const LaunchPlan plan = planned({"mesh.dp=4", "mesh.tp=2", "launch.with=slurm", "launch.nodes=2", "run.threads=3"});
  CHECK(plan.ranks == 8);
  CHECK(plan.ranks_per_node == 4);
  CHECK(plan.threads == 3);
  CHECK(plan.folder == "runs/a");
  CHECK_FALSE(plan.elastic);
  CHECK(plan.train == std::vector<std::string>{"/opt/ergon", "train", "run.toml", "mesh.dp=4", "mesh.tp=2", "launch.with=slurm",
                                               "launch.nodes=2", "run.threads=3"});
  CHECK(planned({"mesh.dp=3", "train.batch=3", "train.microbatch=1", "launch.nodes=2", "launch.with=mpirun"}).ranks_per_node == 2);
  CHECK(planned({"mesh.dp=4", "launch.gpus_per_node=4", "launch.with=slurm"}).ranks_per_node == 4);
  CHECK(planned({"mesh.dp=4", "launch.gpus_per_node=4", "launch.ranks_per_node=8", "launch.with=slurm"}).ranks_per_node == 8);
}

TEST_CASE("launch_plan: what cannot be is refused before anything waits in a queue") {
  CHECK(refusal([] {
          planned({"mesh.dp=8", "launch.with=slurm", "launch.nodes=2", "launch.ranks_per_node=2"});
        }) == "(4) launch.nodes: the mesh has 8 ranks; 2 nodes of 2 are 4\n  hint: set launch.nodes = 4");
  CHECK(refusal([] {
          planned({"launch.min_nodes=3", "launch.nodes=2"});
        }).find("launch.min_nodes = 3 is more than launch.nodes = 2") != std::string::npos);
  CHECK(refusal([] {
          planned({"mesh.tp=4", "launch.with=slurm", "launch.nodes=4", "launch.min_nodes=2", "launch.ranks_per_node=1"});
        }).find("no mesh of this run fits 2 ranks") != std::string::npos);
  CHECK(refusal([] {
          planned({"mesh.dp=4", "run.device=cuda", "launch.with=slurm", "launch.gpus_per_node=2", "launch.ranks_per_node=4"});
        }).find("4 ranks a node need a GPU each, and launch.gpus_per_node = 2") != std::string::npos);
}

TEST_CASE("launch_plan: a time that its warning takes half of is refused") {
  const auto refused = [](const std::string& time, const std::string& warning) {
    return refusal([&] { planned({"launch.with=slurm", "launch.time=" + time, "launch.warning=" + warning}); });
  };
  CHECK(
      refused("2 min", "2 min") ==
      "launch.time: launch.time = 120 s is less than twice launch.warning = 120 s: each start would save and end before it has trained "
      "for long\n  hint: raise launch.time to \"240 s\" or more, or set launch.warning to \"60 s\" or less, if a start and a save take no "
      "longer than that");
  CHECK(refused("230 s", "2 min") != "not refused");
  planned({"launch.with=slurm", "launch.time=1 min", "launch.warning=20 s"});
  planned({"launch.with=slurm", "launch.time=4 min"});
  planned({"launch.with=slurm"});                       // its partition's
  planned({"launch.with=local", "launch.time=1 min"});  // no job
}

TEST_CASE("launch_plan: hosts say by their slots how many ranks each takes, where no key does") {
  const auto spread = [](const std::vector<std::int64_t>& slots, const std::vector<std::string>& keys) {
    const LaunchPlan plan = planned_over(slots, keys);
    return fmt::format("{} of {}{}", plan.launch.nodes, plan.ranks_per_node, plan.by_slot ? ", by slot" : "");
  };
  CHECK(spread({2, 2}, {"mesh.dp=4"}) == "2 of 2");
  CHECK(spread({4, 4, 4}, {"mesh.dp=6", "train.batch=6", "train.microbatch=1"}) == "2 of 4");
  CHECK(spread({4, 4}, {"mesh.dp=2"}) == "1 of 2");
  CHECK(spread({1, 4}, {"mesh.dp=4"}) == "2 of 4, by slot");
  CHECK(spread({4, 4}, {"mesh.dp=4", "launch.nodes=2"}) == "2 of 2");
  CHECK(spread({4, 4}, {"mesh.dp=4", "launch.ranks_per_node=2"}) == "2 of 2");
  CHECK(spread({4, 4}, {"mesh.dp=8", "launch.gpus_per_node=4"}) == "2 of 4");
  CHECK(spread({2, 4}, {"mesh.dp=4", "run.device=cuda"}) == "2 of 4, by slot");  // a slot a device
}

TEST_CASE("launch_plan: hosts without room for their ranks are refused") {
  const auto refused = [](const std::vector<std::int64_t>& slots, const std::vector<std::string>& keys) {
    const std::string text = refusal([&] { planned_over(slots, keys); });
    return text.substr(0, text.find('\n'));
  };
  CHECK(refused({2, 1}, {"mesh.dp=4"}) == "(4) hosts: 2 hosts have 3 slots, the mesh has 4 ranks");
  CHECK(refused({3, 1}, {"mesh.dp=4", "launch.nodes=2"}) == "(4) hosts: host node1 with slots=1 has no room for 2 ranks");
  CHECK(refused({2, 2}, {"mesh.dp=4", "launch.ranks_per_node=4"}) == "(4) hosts: host node0 with slots=2 has no room for 4 ranks");
  CHECK(refused({4, 4}, {"mesh.dp=4", "launch.ranks_per_node=1"}) == "(4) hosts: 2 hosts times 1 a node are 2, the mesh has 4 ranks");
}

TEST_CASE("launch_plan: mpirun starts the ranks of a job where its key says so, and of a job only") {
  CHECK_FALSE(planned({"launch.with=slurm"}).by_mpirun);
  CHECK(planned({"launch.with=slurm", "launch.ranks_by=mpirun"}).by_mpirun);
  CHECK_FALSE(planned({"launch.with=local", "launch.ranks_by=mpirun"}).by_mpirun);
}

TEST_CASE("launch_plan: an elastic run knows so") {
  CHECK(planned({"mesh.dp=4", "launch.with=slurm", "launch.nodes=4", "launch.min_nodes=1"}).elastic);
}
