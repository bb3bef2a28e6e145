// SPDX-License-Identifier: Apache-2.0
#include "launch/jobs/mpirun_line.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "launch/child_process.hpp"
#include "launch/jobs/shell_words.hpp"
#include "tests/launch/jobs/launch_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::planned;
using test::planned_over;

TEST_CASE("mpirun_line: on this machine") {
  MpirunFacts facts;
  facts.cores = 4;
  facts.save = {20.2};
  facts.logs = "runs/a/logs/1";
  CHECK(shell_line(mpirun_words(planned({"mesh.dp=4"}), facts)) ==
        "mpirun -n 4 --bind-to none --mca mpi_yield_when_idle 0 --mca odls_base_sigkill_timeout 21 -x OMP_NUM_THREADS=1 --output-filename "
        "runs/a/logs/1 "
        "/opt/ergon train run.toml mesh.dp=4");
}

TEST_CASE("mpirun_line: ranks that share cores make room for each other") {
  MpirunFacts facts;
  facts.cores = 2;
  const std::string line = shell_line(mpirun_words(planned({"mesh.dp=4"}), facts));
  CHECK(line.find("--oversubscribe") != std::string::npos);
  CHECK(line.find("mpi_yield_when_idle 1") != std::string::npos);
  facts.cores = 4;  // ranks find a core each, their threads do not
  CHECK(shell_line(mpirun_words(planned({"mesh.dp=4", "run.threads=2"}), facts)).find("mpi_yield_when_idle 1") != std::string::npos);
}

TEST_CASE("mpirun_line: over hosts, one network for all, and what the environment is told") {
  MpirunFacts facts;
  facts.cores = 8;
  facts.environment = {"NCCL_DEBUG"};
  const std::string line = shell_line(mpirun_words(planned({"mesh.dp=4", "launch.with=mpirun", "launch.nodes=2", "launch.hosts=my hosts",
                                                            "launch.interface=ib0", "launch.environment=[\"A=b c\"]"}),
                                                   facts));
  CHECK(line.find("--hostfile 'my hosts' --map-by ppr:2:node") != std::string::npos);
  CHECK(line.find("--mca btl_tcp_if_include ib0 --mca oob_tcp_if_include ib0 -x NCCL_SOCKET_IFNAME==ib0") != std::string::npos);
  CHECK(line.find("-x NCCL_DEBUG -x 'A=b c'") != std::string::npos);
  CHECK(shell_line(mpirun_words(planned({"mesh.dp=4", "launch.interface=10.1.0.0/16"}), facts)).find("NCCL_SOCKET") == std::string::npos);
}

TEST_CASE("mpirun_line: hosts with different slots are filled by these") {
  MpirunFacts facts;
  facts.cores = 8;
  const auto line = [&](const std::vector<std::int64_t>& slots) {
    return shell_line(mpirun_words(planned_over(slots, {"mesh.dp=4"}), facts));
  };
  CHECK(line({2, 2}).find("--hostfile hosts --map-by ppr:2:node --mca") != std::string::npos);
  CHECK(line({1, 4}).find("--hostfile hosts --map-by slot --mca") != std::string::npos);
  facts.cores = 3;  // the host with the most ranks has four
  CHECK(line({1, 4}).find("--map-by slot --oversubscribe --mca mpi_yield_when_idle 1") != std::string::npos);
}

TEST_CASE("mpirun_line: the script starts the ranks from any folder, and whatever a key holds starts nothing") {
  const bool checked = output_within({10}, {"shellcheck", "--version"}).has_value();
  for (const char* value : {"a b", "it's", "\"q\"", "$(touch hit)", "`touch hit`", "; touch hit #"}) {
    const test::TemporaryFolder folder;
    const std::string here = folder / value;
    std::filesystem::create_directory(here);
    test::write_file(folder / "mpirun", "#!/bin/sh\npwd\nfor word; do printf '%s\\n' \"$word\"; done\n");
    std::filesystem::permissions(folder / "mpirun", std::filesystem::perms::owner_all);
    MpirunFacts facts;
    facts.logs = std::string("logs ") + value;
    facts.prefix = folder / "mpirun";
    const std::string environment = nlohmann::json::array({std::string("A=") + value}).dump();
    const LaunchPlan plan = planned({"mesh.dp=4", "launch.environment=" + environment, std::string("run.folder=runs/") + value});
    test::write_file(folder / "mpirun.sh", mpirun_script(plan, facts, here));
    std::string expected = here + "\n";
    const std::vector<std::string> words = mpirun_words(plan, facts);
    for (std::size_t i = 1; i < words.size(); ++i) expected += words[i] + "\n";
    CAPTURE(value);
    CHECK(output_of({"/bin/sh", folder / "mpirun.sh"}) == expected);
    CHECK_FALSE(std::filesystem::exists(here + "/hit"));
    // SC2016: a `$` between single quotes, which is how names that hold one are meant.
    if (checked)
      CHECK(output_of({"/bin/sh", "-c", "shellcheck --exclude=SC2016 " + shell_word(folder / "mpirun.sh") + " 2>&1; true"}) == "");
  }
}
