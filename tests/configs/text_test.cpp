// SPDX-License-Identifier: Apache-2.0
#include "configs/text.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("letters are folded, other bytes stay") {
  CHECK(lower("H100-SXM") == "h100-sxm");
  CHECK(lower("Gr\xc3\x9c @[`{") == "gr\xc3\x9c @[`{");
  CHECK(lower("").empty());
}

TEST_CASE("spaces and tabs go from both ends, and only there") {
  CHECK(trimmed(" \t a b\t ") == "a b");
  CHECK(trimmed("a") == "a");
  CHECK(trimmed(" \t").empty());
  CHECK(trimmed("").empty());
}
