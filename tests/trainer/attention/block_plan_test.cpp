// SPDX-License-Identifier: Apache-2.0
#include "trainer/attention/block_plan.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a plan of four causal positions in tiles of two") {
  const BlockPlan plan = plan_block(causal_mask(4), 2, 2);
  CHECK(plan.query_tiles == 2);
  CHECK(plan.tile(0, 1).kind == BlockKind::empty);
  CHECK(plan.tile(1, 0).kind == BlockKind::full);
  CHECK(plan.tile(1, 0).visible == 4);
  CHECK(plan.tile(1, 1).kind == BlockKind::partial);
  CHECK(plan.tile(1, 1).visible == 3);
}

TEST_CASE("the visible intervals of a plan agree with the mask") {
  BlockMask mask = causal_mask(50, 7);
  mask.document_starts = {0, 13, 14, 40};
  mask.keys = {{3, 10, 2}, {30, 15, 1}};
  const BlockPlan plan = plan_block(mask, 8, 8);
  std::int64_t visible = 0;
  for (std::int64_t i = 0; i < mask.num_queries(); ++i)
    for (std::int64_t j = 0; j < mask.num_keys(); ++j) {
      const std::int64_t key = plan.key_positions[static_cast<std::size_t>(j)];
      CHECK((key >= plan.low[static_cast<std::size_t>(i)] && key <= plan.high[static_cast<std::size_t>(i)]) == mask.visible(i, j));
    }
  for (const auto& tile : plan.tiles) visible += tile.visible;
  CHECK(visible == mask.visible_pairs());
  mask.causal = false;
  CHECK_THROWS_AS(plan_block(mask, 8, 8), Bug);
}

TEST_CASE("plans are kept for the masks last asked for") {
  BlockPlans plans(4, 4);
  const BlockPlan* first = &plans.get(causal_mask(8));
  for (int n = 9; n < 20; ++n) CHECK(plans.get(causal_mask(n)).num_queries() == n);
  CHECK(&plans.get(causal_mask(8)) == first);
  CHECK(plans.get(causal_mask(8, 3)).mask.window == 3);
}
