// SPDX-License-Identifier: Apache-2.0
// Catch2's main for tests without MPI.
#define CATCH_CONFIG_RUNNER
#include "tests/support/catch.hpp"

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
