// SPDX-License-Identifier: Apache-2.0
#include "launch/identity.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a binary has a hexadecimal build id, a processor a name") {
  const std::string binary = binary_identity();
  CHECK(binary.size() >= 16);
  CHECK(binary.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(cpu_identity().find(", ") != std::string::npos);
  CHECK(cpu_identity() == cpu_identity());
}
