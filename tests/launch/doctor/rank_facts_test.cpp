// SPDX-License-Identifier: Apache-2.0
// own_facts starts MPI: tests/launch/doctor/doctor_job_test.cpp sees it.
#include "launch/doctor/rank_facts.hpp"

#include <nlohmann/json.hpp>

#include "tests/launch/doctor/planted_job.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("rank_facts: everything travels") {
  RankFacts facts = test::planted_job(4, 2).ranks[3];
  facts.quota = 5;
  facts.binding_problem = std::string("no place");
  facts.binding_cure = std::string("make one");
  facts.rule = std::string("eth0");
  facts.infiniband = facts.mixed_fences = true;
  facts.gpus = 2;
  facts.gpu = std::string("0000:01:00.0");
  facts.gpu_memory = {{80}, {70}};
  facts.gpu_problem = std::string("a problem");
  facts.gpu_cure = std::string("a cure");
  facts.folder.problem = std::string("read-only");
  facts.folder.is_seen = facts.folder.there = false;
  facts.data = {{"data.train", "t.h5", "a problem", 3, {70}}};
  facts.machine.push_back({"disk", Condition::broken, "1 MiB", "make room"});
  const nlohmann::ordered_json json = to_json(facts);
  CHECK(to_json(rank_facts_from_json(nlohmann::ordered_json::parse(json.dump()))) == json);
  // What the comparison above cannot see: a member that is written by a wrong name is read by it too.
  CHECK(json["host"] == "node1");
  CHECK(json["local_rank"] == 1);
  CHECK(json["limits"]["open_files"] == 20000);
  CHECK(json["limits"]["locked_memory"] == -1);
  CHECK(json["interfaces"][1]["name"] == "eth0");
  CHECK(json["clock"]["ahead"] == 1e-4);
  CHECK(json["folder"]["sees"] == true);
  CHECK(json["folder"]["there"] == false);
  CHECK(json["file_sha256"] == "9c41d07755aa");
  CHECK(json["data"][0]["bytes"] == 70);
  CHECK(json["machine"][2]["verdict"] == "broken");
  CHECK(json["gpu"] == "0000:01:00.0");
  CHECK(json["gpu_memory"] == 80);
  CHECK(json["gpu_memory_free"] == 70);
}

TEST_CASE("rank_facts: lists of processors as the kernel writes them") {
  CHECK(parse_processor_list("0-3,8") == std::vector<int>{0, 1, 2, 3, 8});
  CHECK(parse_processor_list("5") == std::vector<int>{5});
  CHECK(parse_processor_list("").empty());
}
