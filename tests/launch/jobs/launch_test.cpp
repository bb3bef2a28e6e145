// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <nlohmann/json.hpp>

#include "launch/commands.hpp"
#include "tests/launch/answers.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::printed;
using test::refusal_of;
using test::refused_place;

namespace {

struct RunFile {
  test::TemporaryFolder folder;
  std::string file = folder / "run.toml";
  RunFile() {
    test::write_file(file, "[run]\nfolder = \"" + (folder / "run") + "\"\n[data]\ntrain = \"t.h5\"\n[mesh]\ndp = 4\n");
    test::write_file(folder / "hosts", "a slots=2\nb slots=2\n");
  }
  std::string dry(std::vector<std::string> words) const {
    words.insert(words.begin(), file);
    words.push_back("--dry-run");
    return printed(command_launch, "launch", std::move(words));
  }
};

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("ergon launch --dry-run prints the line or the script, and makes nothing") {
  const RunFile run;
  CHECK(says(run.dry({"--local", "4"}), "mpirun -n 4 "));
  const std::string line = run.dry({"--mpirun", "--hosts", run.folder / "hosts", "--nodes", "2"});
  CHECK(says(line, "--hostfile " + (run.folder / "hosts") + " --map-by ppr:2:node"));
  CHECK(says(line, "launch.with=mpirun"));
  const auto spread = nlohmann::json::parse(run.dry({"--mpirun", "--hosts", run.folder / "hosts", "--json"}));  // by its slots
  CHECK(says(spread["line"].dump(), "\"--map-by\",\"ppr:2:node\""));
  CHECK(spread["nodes"] == 2);
  const std::string script =
      run.dry({"--slurm", "--nodes", "2", "--gpus-per-node", "2", "--partition", "p", "--time", "2 h", "--account", "a", "--array"});
  for (const char* part : {"#SBATCH --nodes=2\n", "#SBATCH --gpus-per-node=2\n", "#SBATCH --partition=p\n", "#SBATCH --time=02:00:00\n",
                           "#SBATCH --account=a\n", "#SBATCH --array=1-100%1\n", "# submitted with: sbatch "})
    CHECK(says(script, part));
  const std::string inside = run.dry({"launch.ranks_by=srun", "--slurm", "--mpirun", "--nodes", "2"});
  CHECK(says(inside, "#SBATCH --nodes=2\n"));
  CHECK(says(inside, "mpirun -n \"$ranks\" --output-filename \"$logs\" --bind-to none --map-by ppr:2:node"));
  CHECK(says(run.dry({"launch.ranks_by=mpirun", "--slurm", "--nodes", "2"}), "mpirun -n \"$ranks\""));
  CHECK(says(run.dry({"--slurm", "--nodes", "2"}), "srun --mpi=pmix"));
  const auto json = nlohmann::json::parse(run.dry({"--slurm", "--nodes", "2", "--json"}));
  CHECK(json["schema"] == "ergon.launch.v1");
  CHECK(json["ranks"] == 4);
  CHECK(json["ranks_per_node"] == 2);
  CHECK(json["script"].get<std::string>().starts_with("#!/bin/bash"));
  CHECK(nlohmann::json::parse(run.dry({"--local", "4", "--json"}))["line"][0] == "mpirun");
  CHECK_FALSE(std::filesystem::exists(run.folder / "run"));
}

TEST_CASE("ergon launch --restart: the ranks are told, however they start") {
  const RunFile run;
  CHECK(says(run.dry({"--local", "4", "--restart"}), " train " + run.file + " launch.with=local --restart\n"));
  CHECK(says(run.dry({"--slurm", "--nodes", "2", "--restart"}), " launch.with=slurm launch.nodes=2 \"${restart[@]}\") &\n"));
  CHECK_FALSE(says(run.dry({"--local", "4"}), "--restart"));
}

TEST_CASE("ergon launch: mpirun grants its ranks twice the longest save, and waits no longer than it must where that is short") {
  const RunFile run;
  CHECK(says(run.dry({"--local", "4"}), "odls_base_sigkill_timeout 15 "));
  std::filesystem::create_directories(run.folder / "run");
  for (const auto& [seconds, granted] : {std::pair{"0.25", "5"}, {"40.25", "81"}}) {
    test::write_file(run.folder / "run/events.jsonl", std::string("{\"event\":\"attempt\",\"attempt\":1,\"from_step\":0}\n") +
                                                          "{\"event\":\"save\",\"attempt\":1,\"step\":2,\"seconds\":" + seconds + "}\n");
    CHECK(says(run.dry({"--local", "4"}), std::string("odls_base_sigkill_timeout ") + granted + " "));
  }
}

TEST_CASE("ergon launch refuses what contradicts itself or cannot run") {
  const RunFile run;
  for (const char* other : {"--slurm", "--mpirun"})
    CHECK(refused_place(command_launch, "launch", {run.file, "--local", "4", other}) == "ergon launch");
  const auto few = refusal_of(command_launch, "launch", {run.file, "--local", "3", "--dry-run"});
  CHECK(few->problem() == "the mesh has 4 ranks, --local asks for 3");
  CHECK(few->code() == ExitCode::world);
  test::write_file(run.folder / "hosts", "a slots=3\n");
  CHECK(refusal_of(command_launch, "launch", {run.file, "--mpirun", "--hosts", run.folder / "hosts", "--dry-run"})->problem() ==
        "1 hosts have 3 slots, the mesh has 4 ranks");
  CHECK(refusal_of(command_launch, "launch", {run.file, "mesh.dp=3", "--slurm", "--nodes", "4", "--dry-run"})->code() == ExitCode::config);
}

TEST_CASE("ergon launch: an elastic run says how many ranks it takes") {
  const RunFile run;
  CHECK(printed(command_launch, "launch", {run.file, "launch.min_nodes=1", "--fit", "3"}) == "2\n");
  CHECK(says(run.dry({"launch.min_nodes=1", "--local", "3"}), "mpirun -n 3 "));
}
