// SPDX-License-Identifier: Apache-2.0
// Catch2's main for tests without MPI.
#define CATCH_CONFIG_RUNNER
#include "tests/support/catch.hpp"
//
#include "tests/support/count_cases.hpp"
#include "tests/support/skip.hpp"

int main(int argc, char** argv) {
  const int failed = Catch::Session().run(argc, argv);
  return ergon::test::exit_status(failed, ergon::test::num_cases_run, ergon::test::num_skipped());
}
