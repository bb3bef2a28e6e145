// SPDX-License-Identifier: Apache-2.0
#include "configs/keys.hpp"
#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::overridden;
using test::refused;

TEST_CASE("[launch] writes its section") {
  CHECK(keys_launch().size() == 22);
  const RunConfig config = overridden({"launch.with=slurm",
                                       "launch.ranks_by=mpirun",
                                       "launch.nodes=4",
                                       "launch.min_nodes=2",
                                       "launch.gpus_per_node=8",
                                       "launch.ranks_per_node=4",
                                       "launch.meshes=[\"dp=2 tp=2\", \"dp=1\"]",
                                       "launch.bind=numa",
                                       "launch.interface=ib0,ib1",
                                       "launch.hosts=my hosts.txt",
                                       "launch.environment=[\"NCCL_DEBUG=INFO\", \"A=b c\"]",
                                       "launch.modules=[\"openmpi/4.1\"]",
                                       "launch.partition=gpu",
                                       "launch.account=a-1",
                                       "launch.qos=high",
                                       "launch.constraint=\"[a100&nvlink]\"",
                                       "launch.options=[\"--exclusive\", \"--mem=0\"]",
                                       "launch.time=4 h",
                                       "launch.warning=5 min",
                                       "launch.comeback=chain",
                                       "launch.starts=7",
                                       "launch.stalled=2"});
  const LaunchSection& launch = config.launch;
  CHECK(launch.with == LaunchWith::slurm);
  CHECK(launch.ranks_by == RanksBy::mpirun);
  CHECK(LaunchSection().ranks_by == RanksBy::srun);
  CHECK(launch.nodes == 4);
  CHECK(launch.min_nodes == 2);
  CHECK(launch.ranks_per_node == 4);
  CHECK(launch.meshes == std::vector<std::string>{"dp=2 tp=2", "dp=1"});
  CHECK(launch.bind == Binding::numa);
  CHECK(launch.interface == "ib0,ib1");
  CHECK(launch.hosts == "my hosts.txt");
  CHECK(launch.environment.back() == "A=b c");
  CHECK(launch.options.back() == "--mem=0");
  CHECK(launch.time.value == 4 * 3600);
  CHECK(launch.warning.value == 300);
  CHECK(launch.comeback == Comeback::chain);
  CHECK(launch.starts == 7);
  CHECK(launch.stalled == 2);
}

TEST_CASE("[launch] refuses what would not stay one word of a script") {
  for (const char* key : {"launch.partition", "launch.account", "launch.qos", "launch.interface", "launch.constraint"})
    for (const char* value : {"a b", "$(id)", "`id`", "a\\nb", "'", "a;b", "-x", ">f"})
      CHECK(refused({std::string(key) + "=\"" + value + "\""}).find(std::string(key) + " takes ") != std::string::npos);
  for (const char* value : {"novalue", "1A=b", "A B=c", "=x", "A=b\\nc"})
    CHECK(refused({std::string("launch.environment=[\"") + value + "\"]"}).find("launch.environment takes ") != std::string::npos);
  for (const char* value : {"-x", "exclusive", "--", "--a\\nb"})
    CHECK(refused({std::string("launch.options=[\"") + value + "\"]"}).find("launch.options takes ") != std::string::npos);
  for (const char* value : {"", "a b", "$(id)"})
    CHECK(refused({std::string("launch.modules=[\"") + value + "\"]"}).find("launch.modules takes ") != std::string::npos);
  CHECK(refused({"launch.ranks_by=pmi2"}).find("launch.ranks_by takes ") != std::string::npos);
  CHECK(refused({"launch.meshes=[\"\"]"}).find("launch.meshes takes meshes like") != std::string::npos);
  CHECK(refused({"launch.hosts=\"a\\nb\""}).find("launch.hosts takes a path without control characters") != std::string::npos);
}
