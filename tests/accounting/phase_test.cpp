// SPDX-License-Identifier: Apache-2.0
#include "accounting/phase.hpp"

#include <set>
#include <string>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

TEST_CASE("every phase has a name of its own, and what is no phase is a bug") {
  std::set<std::string> names;
  for (int i = 0; i < ergon::num_phases; ++i) names.insert(ergon::name(static_cast<ergon::Phase>(i)));
  CHECK(names == std::set<std::string>{"forward", "backward", "recompute", "evaluation"});
  CHECK_THROWS_AS(ergon::name(static_cast<ergon::Phase>(ergon::num_phases)), ergon::Bug);
}
