// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/zero_memory.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

const std::vector<ElementRange> unit_ranges = {{0, 64}, {64, 160}, {160, 256}, {256, 288}};

std::vector<std::int64_t> bytes(ZeroSetup setup) {
  if (setup.units.units() != 4) setup.units.chunks = {2};
  const StateBytes state = state_bytes(unit_ranges, setup);
  CHECK(state.total().value == state.parameters.value + state.gradients.value + state.optimizer.value);
  return {state.parameters.value, state.gradients.value, state.optimizer.value};
}

using ByteCounts = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("zero_memory: the header's example") {
  CHECK(bytes({.ranks = 2}) == ByteCounts{1152, 1152, 2304});
  CHECK(bytes({.stage = ZeroStage::optimizer, .ranks = 2}) == ByteCounts{1152, 1728, 1152});
  CHECK(bytes({.stage = ZeroStage::parameters, .ranks = 2}) == ByteCounts{576 + 1024, 1024 + 576 + 192, 1152});
}

TEST_CASE("zero_memory: rounded weights, a table that two units read, and the deterministic mode") {
  CHECK(bytes({.stage = ZeroStage::optimizer, .ranks = 4, .weight_size = 2}) == ByteCounts{576 + 288, 1152 + 288, 576});
  CHECK(bytes({.stage = ZeroStage::parameters, .ranks = 4, .units = {.chunks = {2}, .table_of_head = true}, .weight_size = 2}) ==
        ByteCounts{288 + 144 + 576, 1152 + 288 + 96, 576});
  CHECK(bytes({.ranks = 2, .deterministic = true}) == ByteCounts{1152, 1152 + 576 + 1152, 2304});
  CHECK(bytes({.stage = ZeroStage::optimizer, .ranks = 2, .deterministic = true, .bucket = {1}}) == ByteCounts{1152, 1728 + 384, 1152});
  CHECK(bytes({.stage = ZeroStage::parameters, .ranks = 2, .deterministic = true}) == ByteCounts{1600, 1024 + 576 + 384, 1152});
}

TEST_CASE("zero_memory: a stage of a pipeline: two chunks of layers and nothing besides, or a tied table that leaves alone") {
  const UnitPlan middle{.tables = 0, .chunks = {1, 3}, .head = false}, last{.chunks = {1, 1}, .table_of_head = true, .table_twice = true};
  // Buffers of units 0 and 2, 1 and 3: 96 elements each.
  CHECK(bytes({.stage = ZeroStage::parameters, .ranks = 2, .units = middle}) == ByteCounts{576 + 768, 768 + 576 + 192, 1152});
  // The buckets of the rounds are units {0} and {1, 2, 3}, or {0}, {1} and {2, 3}.
  CHECK(bytes({.ranks = 2, .deterministic = true, .units = middle}) == ByteCounts{1152, 1152 + 576 + 896, 2304});
  CHECK(bytes({.ranks = 2, .deterministic = true, .units = last}) == ByteCounts{1152, 1152 + 576 + 512, 2304});
  CHECK(bytes({.stage = ZeroStage::optimizer, .ranks = 2, .units = last}) == ByteCounts{1152, 1728, 1152});
}

TEST_CASE("zero_memory: one rank shares nothing, and adds in order without a buffer") {
  CHECK(bytes({.stage = ZeroStage::parameters}) == ByteCounts{1152, 1152, 2304});
  CHECK(bytes({.deterministic = true}) == ByteCounts{1152, 2304, 2304});
  CHECK_THROWS_AS(state_bytes({}, {}), Bug);
  CHECK_THROWS_AS(state_bytes(unit_ranges, {}), Bug);
}

}  // namespace ergon
