// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/rank_processes.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

// A /proc with the files that are looked at.
struct Kernel {
  test::TemporaryFolder proc;

  void process(int pid, char state, int ticks, int start, const std::string& job = "", int rank = -1, const std::string& more = "") const {
    std::filesystem::create_directories(proc / std::to_string(pid));
    std::string environment = "HOME=/root";
    environment += '\0';
    if (!job.empty()) {
      environment += "PMIX_NAMESPACE=" + job;
      environment += '\0';
      environment += fmt::format("PMIX_RANK={}", rank);
      environment += '\0';
    }
    environment += more;
    environment += '\0';
    test::write_file(proc / fmt::format("{}/environ", pid), environment);
    test::write_file(proc / fmt::format("{}/stat", pid),
                     fmt::format("{} (ergon) {} 1 1 1 0 0 0 0 0 0 0 {} 0 0 0 20 0 1 0 {} 0 100 0\n", pid, state, ticks, start));
  }
};

}  // namespace

TEST_CASE("rank_processes: the ranks of rank 0's job, and not their children, other jobs or other processes") {
  const Kernel kernel;
  kernel.process(10, 'R', 0, 500, "job", 0);
  kernel.process(11, 'S', 0, 510, "job", 1);
  kernel.process(12, 'R', 0, 600, "job", 1);  // started by rank 1
  kernel.process(13, 'T', 0, 520, "job", 2);
  kernel.process(14, 'R', 0, 520, "another", 3);
  kernel.process(15, 'R', 0, 520);
  RankProcesses processes(kernel.proc.path());
  const auto seen = processes.look(10);
  REQUIRE(seen.size() == 3);
  CHECK(seen.at(0).pid == 10);
  CHECK(seen.at(1).pid == 11);
  CHECK(seen.at(1).state == RankProcess::State::running);
  CHECK(seen.at(2).state == RankProcess::State::stopped);
  CHECK(seen.at(0).resident.value == 100 * sysconf(_SC_PAGESIZE));
  CHECK_FALSE(seen.at(0).processors);
}

TEST_CASE("rank_processes: how busy they were since the last look, and which have gone") {
  const Kernel kernel;
  const double second = static_cast<double>(sysconf(_SC_CLK_TCK));
  kernel.process(10, 'R', 0, 500, "job", 0);
  kernel.process(11, 'R', 0, 510, "job", 1);
  kernel.process(12, 'R', 0, 510, "job", 2);
  RankProcesses processes(kernel.proc.path());
  const Clock::time_point start = Clock::now();
  processes.look(10, start);
  kernel.process(10, 'R', static_cast<int>(1.5 * second), 500, "job", 0);
  kernel.process(11, 'Z', 0, 510, "job", 1);
  kernel.process(12, 'R', 0, 900, "job", 2);  // its pid is another's
  auto seen = processes.look(10, start + std::chrono::seconds(2));
  CHECK(*seen.at(0).processors == Approx(0.75));
  CHECK(seen.at(1).state == RankProcess::State::gone);
  CHECK(seen.at(2).state == RankProcess::State::gone);
  CHECK(std::string(name(seen.at(2).state)) == "gone");
  std::filesystem::remove_all(kernel.proc / "10");
  CHECK(processes.look(10, start + std::chrono::seconds(3)).at(0).state == RankProcess::State::gone);

  // The next start of the run.
  kernel.process(20, 'R', 0, 950);
  seen = processes.look(20);
  CHECK(seen.size() == 1);
  CHECK(seen.at(0).pid == 20);
}

TEST_CASE("rank_processes: a rank that comes later is found within 5 s, however often somebody looks") {
  const Kernel kernel;
  kernel.process(10, 'R', 0, 500, "job", 0);
  RankProcesses processes(kernel.proc.path());
  const Clock::time_point start = Clock::now();
  CHECK(processes.look(10, start).size() == 1);
  kernel.process(11, 'R', 0, 510, "job", 1);
  for (int tenth = 1; tenth < 50; ++tenth) CHECK(processes.look(10, start + std::chrono::milliseconds(100 * tenth)).size() == 1);
  CHECK(processes.look(10, start + std::chrono::seconds(5)).size() == 2);
  kernel.process(12, 'R', 0, 520, "job", 2);
  CHECK(processes.look(10, start + std::chrono::seconds(60)).size() == 3);  // the next look of one who looks once a minute
}

TEST_CASE("rank_processes: how many ranks were started on this machine, as launchers say") {
  const auto told = [](const std::string& variables) {
    const Kernel kernel;
    kernel.process(10, 'R', 0, 500, "job", 0, variables);
    RankProcesses processes(kernel.proc.path());
    processes.look(10);
    return processes.started_here();
  };
  CHECK(told("OMPI_COMM_WORLD_LOCAL_SIZE=3") == 3);
  CHECK(told("SLURM_STEP_TASKS_PER_NODE=2(x4)") == 2);
  CHECK(told("SLURM_STEP_TASKS_PER_NODE=8") == 8);
  CHECK_FALSE(told("SLURM_STEP_TASKS_PER_NODE=2(x4),1"));
  CHECK_FALSE(told("HOME=/root"));
}

TEST_CASE("rank_processes: this process is one without a job") {
  RankProcesses processes;
  const auto seen = processes.look(getpid());
  CHECK(seen.at(0).state == RankProcess::State::running);
  CHECK(seen.at(0).resident.value > 0);
}
