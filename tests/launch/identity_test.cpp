// SPDX-License-Identifier: Apache-2.0
#include "launch/identity.hpp"

#include "launch/child_process.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a binary has a hexadecimal build id, a processor a name") {
  const std::string binary = binary_identity();
  CHECK(binary.size() >= 16);
  CHECK(binary.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(cpu_identity().find(", ") != std::string::npos);
  CHECK(cpu_identity() == cpu_identity());
}

TEST_CASE("the file of a binary has the hash that sha256sum gives it") {
  const auto told = output_within({60}, {"sha256sum", own_path()});
  REQUIRE(told);
  CHECK(binary_file_hash() == told->substr(0, 64));
}
