// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

struct Ended {
  int code;
  double seconds;
  std::string output;
};

Ended shell(const std::string& command) {
  const auto start = std::chrono::steady_clock::now();
  Ended ended{};
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) ended.output += static_cast<char>(c);
  const int status = pclose(pipe);
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  ended.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return ended;
}

Ended probe(const std::string& way) { return shell("'" ERGON_MPIRUN "' -n 3 --oversubscribe --bind-to none '" ERGON_MPI_PROBE "' " + way); }

}  // namespace

TEST_CASE("mpi_environment: an exception on one rank ends the job instead of hanging it") {
  const Ended ended = probe("throw");
  INFO(ended.output);
  CHECK(ended.code == 70);
  CHECK(ended.seconds < 15);
}

TEST_CASE("mpi_environment: ranks agree on the worst exit code") {
  for (const auto& [way, code] : {std::pair<const char*, int>{"saved", 85}, {"mixed", 3}, {"local", 0}, {"bound", 0}}) {
    const Ended ended = probe(way);
    INFO(ended.output);
    CHECK(ended.code == code);
    std::size_t times = 0;
    const std::string line = "probe ended with " + std::to_string(code) + "\n";
    for (std::size_t at = ended.output.find(line); at != std::string::npos; at = ended.output.find(line, at + 1)) ++times;
    CHECK(times == 3);
  }
}

TEST_CASE("mpi_environment: a rank that fails does not wait for ever for the others") {
  const Ended ended = probe("missing");
  INFO(ended.output);
  CHECK(ended.code == 3);
  CHECK(ended.seconds < 15);
}

TEST_CASE("mpi_environment: alone in a Slurm step") {
  const Ended ended = shell("SLURM_STEP_ID=0 SLURM_NTASKS=2 OMPI_MCA_ess_base_verbose=0 '" ERGON_MPI_PROBE "' saved");
  INFO(ended.output);
  CHECK(ended.code == 4);
  CHECK(ended.output.find("use --mpi=pmix") != std::string::npos);
}

}  // namespace ergon
