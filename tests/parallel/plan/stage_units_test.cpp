// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/stage_units.hpp"

#include <fmt/format.h>

#include "tests/support/catch.hpp"

namespace ergon {

// Tables, layers of each chunk, then which of: head, a head that reads the table, a table that another stage has too.
TEST_CASE("stage_units: embedding, chunks and head of every stage; the header's example") {
  ModelShape shape;
  shape.layers = 5;
  shape.positions = Positions::learned;
  shape.tied = true;
  const auto units = [&](int pp, int chunks, int stage) {
    const UnitPlan plan = stage_units(shape, pp, chunks, stage);
    return fmt::format("{}+{}{}{}{}", plan.tables, fmt::join(plan.chunks, ","), plan.head ? " head" : "",
                       plan.table_of_head ? " reads" : "", plan.table_twice ? " twice" : "");
  };
  CHECK(units(2, 1, 0) == "2+2 twice");
  CHECK(units(2, 1, 1) == "1+3 head reads twice");
  CHECK(units(1, 1, 0) == "1+5 head reads");
  CHECK(units(2, 2, 1) == "1+1,2 head reads twice");
  CHECK(units(3, 1, 1) == "0+2");
  shape.positions = Positions::rotary;
  CHECK(units(2, 1, 0) == "1+2 twice");
  shape.tied = false;
  CHECK(units(1, 1, 0) == "1+5 head");
  CHECK(units(2, 1, 0) == "1+2");
  CHECK(units(2, 1, 1) == "0+3 head");
}

}  // namespace ergon
