// SPDX-License-Identifier: Apache-2.0
// Catch2's main under MPI: every rank runs every test; the exit status is the worst of all ranks, so a failure on one rank fails the test.
// Inside such tests use CHECK, never REQUIRE before a collective: a rank that leaves early would leave the others waiting (the CTest
// time-out ends that).
#define CATCH_CONFIG_RUNNER
#include <mpi.h>

#include <iostream>
#include <sstream>

#include "tests/support/catch.hpp"
//
#include "tests/support/count_cases.hpp"
#include "tests/support/skip.hpp"

int main(int argc, char** argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);

  std::ostringstream text;
  std::streambuf* terminal = std::cout.rdbuf(text.rdbuf());
  int failed = Catch::Session().run(argc, argv);
  std::cout.rdbuf(terminal);
  if (failed != 0 || rank == 0) std::cout << "[rank " << rank << "]\n" << text.str() << std::flush;

  int worst = failed;
  MPI_Allreduce(&failed, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  MPI_Finalize();
  return ergon::test::exit_status(worst, ergon::test::num_cases_run, ergon::test::num_skipped());
}
