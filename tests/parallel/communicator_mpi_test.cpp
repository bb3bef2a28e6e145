// SPDX-License-Identifier: Apache-2.0
#include "parallel/communicator_mpi.hpp"

#include "tests/parallel/collective_cases.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("communicator_mpi: every collective equals a direct computation") { CHECK(on_group(*make_mpi_world(), check_values) == ""); }

TEST_CASE("communicator_mpi: counts above the limit are cut") {
  CHECK(on_group(*make_mpi_world({.elements = 5}), check_values) == "");
  CHECK(on_group(*make_mpi_world({.elements = 64}), check_values) == "");
}

TEST_CASE("communicator_mpi: split") { CHECK(on_group(*make_mpi_world(), check_split) == ""); }

}  // namespace ergon
