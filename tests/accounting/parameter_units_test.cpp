// SPDX-License-Identifier: Apache-2.0
#include "accounting/parameter_units.hpp"

#include "parallel/plan/stage_units.hpp"
#include "tests/accounting/small_shape.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

std::vector<std::int64_t> elements(const ParameterUnit& unit) {
  std::vector<std::int64_t> sizes;
  for (const UnitParameter& parameter : unit) sizes.push_back(parameter.elements);
  return sizes;
}

std::vector<std::int64_t> counted(const ParameterUnit& unit) {
  std::vector<std::int64_t> sizes;
  for (const UnitParameter& parameter : unit) sizes.push_back(parameter.counted);
  return sizes;
}

using Sizes = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("parameter units: the example of the header, and its layers") {
  const std::vector<ParameterUnit> units = parameter_units(test::small_shape(), {}, 1, 1, 0);
  REQUIRE(units.size() == 4);
  CHECK(elements(units[0]) == Sizes{384 * 8});
  CHECK(elements(units[1]) == Sizes{8, 64, 32, 32, 64, 8, 128, 128, 128});
  CHECK(elements(units[3]) == Sizes{8, 384 * 8});
  CHECK(counted(units[3]) == Sizes{8, 257 * 8});
  const std::vector<ElementRange> ranges = unit_ranges({units[0], units[3]}, 4, 2);
  CHECK(ranges == std::vector<ElementRange>{{0, 3072}, {3072, 3072 + 3104}});
}

TEST_CASE("parameter units: matrices of one product lie without a gap, everything else begins at 64 bytes") {
  // 3, 5 and 5 elements of a pack, then 1: float64 begins anew at 16, and ends at a multiple of 8.
  const ParameterUnit unit = {
      {3, 3}, {.elements = 5, .counted = 5, .follows = true}, {.elements = 5, .counted = 5, .follows = true}, {1, 1}};
  CHECK(unit_ranges({unit}, 8, 1) == std::vector<ElementRange>{{0, 24}});
  CHECK(unit_ranges({unit}, 2, 1) == std::vector<ElementRange>{{0, 64}});
  CHECK(unit_ranges({unit, unit}, 8, 4) == std::vector<ElementRange>{{0, 32}, {32, 64}});
}

TEST_CASE("parameter units: a tensor rank has its part, counts what is whole on rank 0 and a replica once") {
  ModelShape shape = test::small_shape();
  shape.biases = true;
  shape.norm = Norm::layernorm;
  shape.mlp = Mlp::gelu;
  const auto layer = [&](int rank) { return parameter_units(shape, {4, rank}, 1, 1, 0)[1]; };
  // norm, its bias; q k v and their biases; output and its bias; norm, bias; up, bias; down, bias
  CHECK(elements(layer(0)) == Sizes{8, 8, 16, 16, 16, 2, 2, 2, 16, 8, 8, 8, 32, 4, 32, 8});
  CHECK(counted(layer(0)) == elements(layer(0)));
  CHECK(counted(layer(1)) == Sizes{0, 0, 16, 0, 0, 2, 0, 0, 16, 0, 0, 0, 32, 4, 32, 0});
  CHECK(counted(layer(2)) == Sizes{0, 0, 16, 16, 16, 2, 2, 2, 16, 0, 0, 0, 32, 4, 32, 0});
  CHECK((layer(1)[3].over_kv && layer(1)[4].over_kv && !layer(1)[2].over_kv && layer(1)[6].over_kv));
  // 257 tokens over 4 ranks of 128 rows: the third has one, the fourth none.
  for (const auto& [rank, rows] : {std::pair{0, 128}, {2, 1}, {3, 0}})
    CHECK(counted(parameter_units(test::small_shape(), {4, rank}, 1, 1, 0)[0]) == Sizes{rows * 8});
}

TEST_CASE("parameter units: stages have their layers, and a tied table is held by the first and the last") {
  ModelShape shape = test::small_shape();
  shape.tied = true;
  shape.layers = 4;
  shape.positions = Positions::learned;
  const std::vector<ParameterUnit> first = parameter_units(shape, {}, 2, 2, 0), last = parameter_units(shape, {}, 2, 2, 1);
  CHECK(first.size() == 4);
  CHECK(last.size() == 4);
  CHECK((elements(first[0]) == Sizes{3072} && elements(first[1]) == Sizes{128}));
  CHECK((first[0][0].over_table && first[1][0].over_rows && !first[0][0].over_rows));
  CHECK(elements(parameter_units(shape, {}, 1, 1, 0)[0]) == Sizes{3072, 128});
  CHECK(elements(last[0]) == Sizes{3072});
  CHECK(counted(last[0]) == Sizes{0});
  CHECK(elements(last[3]) == Sizes{8});
  CHECK_FALSE(parameter_units(shape, {}, 1, 1, 0)[0][0].over_table);
}

TEST_CASE("parameter units: as many as a stage has units") {
  ModelShape shape = test::small_shape();
  shape.tied = true;
  shape.layers = 6;
  const UnitPlan last = stage_units(shape, 2, 2, 1);  // chunks of 1, 2, 1, 2 layers
  CHECK((last.tables == 1 && last.chunks == std::vector<int>{2, 2} && last.head && last.table_of_head && last.table_twice));
  for (const Positions positions : {Positions::learned, Positions::rotary})
    for (const bool tied : {false, true})
      for (const int pp : {1, 2, 3})
        for (int stage = 0; stage < pp; ++stage) {
          shape.positions = positions;
          shape.tied = tied;
          const UnitPlan plan = stage_units(shape, pp, 1, stage);
          CHECK(plan.units() == std::ssize(parameter_units(shape, {}, pp, 1, stage)));
          CHECK(plan.table_twice == (tied && pp > 1 && (stage == 0 || stage == pp - 1)));
        }
}
