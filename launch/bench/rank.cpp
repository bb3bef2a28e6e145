// SPDX-License-Identifier: Apache-2.0
// `ergon bench-rank NAME JOB`: one rank of a benchmark that bench_ranks has started under mpirun. Rank 0 answers in JSON.
#include <iostream>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/bench/attention.hpp"
#include "launch/bench/communication.hpp"
#include "launch/commands.hpp"
#include "launch/failure.hpp"
#include "parallel/communicator_mpi.hpp"
#include "parallel/mpi.hpp"
#include "trainer/process.hpp"

namespace ergon {
namespace {

nlohmann::json measure(Communicator& world, const std::string& name, const nlohmann::json& job) {
  if (name == "communication") return measure_communication(world, communication_job(job));
  if (name == "attention-sharding") return measure_attention(world, sharding_job(job));
  throw Error(fmt::format("no benchmark '{}' over ranks", name), "bench-rank", "this command is for ergon itself");
}

}  // namespace

int command_bench_rank(int argc, char** argv) {
  if (argc != 3) throw Error("takes a benchmark and a job", "bench-rank", "this command is for ergon itself");
  MpiEnvironment mpi(&argc, &argv);
  const auto end_the_others = [&](int failed) {
    if (mpi.size() > 1) MpiEnvironment::abort(static_cast<ExitCode>(failed));
  };
  const int code = run_guarded(
      [&] {
        prepare_process(1);
        const std::unique_ptr<Communicator> world = make_mpi_world();
        const nlohmann::json answer = measure(*world, argv[1], nlohmann::json::parse(argv[2]));
        if (world->rank() == 0) std::cout << answer.dump() << std::endl;
        return 0;
      },
      end_the_others);
  return mpi.finish(static_cast<ExitCode>(code), /*patience=*/{30});
}

}  // namespace ergon
