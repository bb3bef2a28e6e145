// SPDX-License-Identifier: Apache-2.0
#include "trainer/model/store_layout.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

ParameterSpec layout_spec(const std::string& name, Extents shape, int unit) {
  return {.name = name, .kind = "matrix", .global_shape = shape, .box = whole(shape), .local_shape = shape, .unit = unit};
}

std::vector<ParameterSpec> example() {
  return {layout_spec("embedding", {3, 2}, 0), layout_spec("q", {2, 2}, 1), layout_spec("k", {1, 2}, 1)};
}

}  // namespace

TEST_CASE("store layout: the header's example") {
  const StoreLayout alone = lay_out(example(), {{1, 2}}, at::kFloat, 2, 1);
  CHECK(alone.parameters == std::vector<ElementRange>{{0, 6}, {16, 20}, {20, 22}});
  CHECK(alone.units == std::vector<ElementRange>{{0, 16}, {16, 32}});
  const StoreLayout shared = lay_out(example(), {{1, 2}}, at::kFloat, 2, 2);
  CHECK(shared.units == std::vector<ElementRange>{{0, 32}, {32, 64}});
  CHECK(shared.parameters[1] == ElementRange{32, 36});
  CHECK(shared.elements() == 64);
}

TEST_CASE("store layout: parts of every unit are whole cache lines, for any number of owners and either type") {
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat, at::kBFloat16})
    for (int owners = 1; owners < 6; ++owners)
      for (const ElementRange& unit : lay_out(example(), {}, dtype, 2, owners).units)
        CHECK(unit.size() * static_cast<std::int64_t>(c10::elementSize(dtype)) % (64 * owners) == 0);
}

TEST_CASE("store layout: units out of order and packs across them are bugs") {
  CHECK_THROWS_AS(lay_out({layout_spec("a", {1}, 1)}, {}, at::kFloat, 2, 1), Bug);
  CHECK_THROWS_AS(lay_out({layout_spec("a", {1}, 0)}, {}, at::kFloat, 2, 1), Bug);
  CHECK_THROWS_AS(lay_out({layout_spec("a", {1}, 0), layout_spec("b", {1}, 1)}, {{0, 1}}, at::kFloat, 2, 1), Bug);
  CHECK_THROWS_AS(lay_out({layout_spec("a", {1}, 0), layout_spec("b", {1}, 0)}, {{1, 0}}, at::kFloat, 1, 1), Bug);
}

}  // namespace ergon
