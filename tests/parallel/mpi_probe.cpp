// SPDX-License-Identifier: Apache-2.0
// A program for tests of the life of an MPI job: `mpi_probe WAY`, where each way ends differently.
#include <sched.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "parallel/communicator_mpi.hpp"
#include "parallel/mpi.hpp"

namespace ergon {
namespace {

void throw_on_rank_0(const MpiEnvironment& mpi) {
  auto world = make_mpi_world();
  if (mpi.rank() == 0) throw Error("rank 0 cannot go on", "probe", "");
  world->barrier().wait();
}

// Whether it is seen that rank 0 alone is bound to one processor.
bool bound_apart(const MpiEnvironment& mpi) {
  cpu_set_t all, one;
  sched_getaffinity(0, sizeof all, &all);
  CPU_ZERO(&one);
  for (int i = 0; CPU_COUNT(&one) == 0; ++i)
    if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
  if (mpi.rank() == 0) sched_setaffinity(0, sizeof one, &one);
  return mpi.local().same_processors == (CPU_COUNT(&all) < 2);
}

int live(int argc, char** argv) {
  MpiEnvironment mpi(&argc, &argv);
  const std::string way = argv[1];
  if (way == "throw") throw_on_rank_0(mpi);
  if (way == "local") {
    const LocalRank local = mpi.local();
    const bool right = local.size == mpi.size() && local.rank == mpi.rank() && local.same_processors;
    return mpi.finish(right ? ExitCode::ok : ExitCode::internal, Seconds{20});
  }
  if (way == "bound") return mpi.finish(bound_apart(mpi) ? ExitCode::ok : ExitCode::internal, Seconds{20});
  if (way == "saved") return mpi.finish(ExitCode::saved, Seconds{20});
  if (way == "mixed") return mpi.finish(mpi.rank() == 0 ? ExitCode::saved : ExitCode::data, Seconds{20});
  if (way == "missing") {
    if (mpi.rank() == 0) return mpi.finish(ExitCode::data, Seconds{0.5});
    std::this_thread::sleep_for(std::chrono::seconds(60));
  }
  return 0;
}

}  // namespace
}  // namespace ergon

int main(int argc, char** argv) {
  try {
    const int code = ergon::live(argc, argv);
    std::printf("probe ended with %d\n", code);
    return code;
  } catch (const ergon::Error& error) {
    std::printf("%s\n", error.what());
    return static_cast<int>(error.code());
  }
}
