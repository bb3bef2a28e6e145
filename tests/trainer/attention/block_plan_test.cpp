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
  CHECK(plans.get(causal_mask(8, 3)).low.back() == 5);
}

TEST_CASE("of small masks as many plans are kept as a microbatch of documents asks for, of large ones sixteen") {
  for (const auto& [positions, asked, kept] : {std::tuple(8, 100, 100), {8, 300, 256}, {100000, 40, 16}}) {
    RecentPlans<int> plans;
    int made = 0;
    for (int n = 0; n < asked; ++n) plans.get(causal_mask(positions + n), [&] { return made++; });
    CHECK(plans.size() == static_cast<std::size_t>(kept));
    CHECK(plans.get(causal_mask(positions + asked - kept), [&] { return made++; }) == asked - kept);
    CHECK(made == asked);
  }
}

TEST_CASE("tiles of documents and of rows that lie apart are judged as the mask judges them") {
  for (const bool causal : {true, false}) {
    BlockMask mask = causal_mask(0);
    mask.causal = causal;
    mask.document_starts = {0, 1, 9, 10, 27, 40};
    const std::vector<std::vector<PositionRun>> runs = {{{0, 48, 1}}, {{0, 12, 1}, {36, 12, 1}}, {{1, 16, 3}}};
    for (const auto& queries : runs)
      for (const auto& keys : runs) {
        mask.queries = queries;
        mask.keys = keys;
        const BlockPlan plan = plan_block(mask, 5, 7);
        std::int64_t visible = 0;
        for (std::int64_t i = 0; i < plan.query_tiles; ++i)
          for (std::int64_t j = 0; j < plan.key_tiles; ++j) {
            CHECK(plan.tile(i, j).kind == mask.tile_kind(5 * i, 5, 7 * j, 7));
            visible += plan.tile(i, j).visible;
          }
        CHECK(visible == mask.visible_pairs());
      }
  }
}
