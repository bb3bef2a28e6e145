// SPDX-License-Identifier: Apache-2.0
// A program for tests of the life of an MPI job: `mpi_probe WAY`, where each way ends differently.
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

int live(int argc, char** argv) {
  MpiEnvironment mpi(&argc, &argv);
  const std::string way = argv[1];
  if (way == "throw") throw_on_rank_0(mpi);
  if (way == "local") {
    const LocalRank local = mpi.local();
    return mpi.finish(local.size == mpi.size() && local.rank == mpi.rank() ? ExitCode::ok : ExitCode::internal, Seconds{20});
  }
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
