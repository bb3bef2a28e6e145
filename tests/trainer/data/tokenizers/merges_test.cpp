// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/merges.hpp"

#include <random>

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

using Ids = std::vector<std::int32_t>;

Ids plainly(const MergeTable& table, Ids ids) {
  merge_plainly(table, ids);
  return ids;
}

Ids by_heap(const MergeTable& table, Ids ids) {
  MergeScratch scratch;
  merge_by_heap(table, ids, scratch);
  return ids;
}

}  // namespace

TEST_CASE("merges: the lowest rank first, the leftmost among equals") {
  // a b c = 0 1 2, ab = 3, bc = 4.
  MergeTable ab_first, bc_first, same;
  ab_first.add(0, 1, {0, 3});
  ab_first.add(1, 2, {1, 4});
  bc_first.add(0, 1, {1, 3});
  bc_first.add(1, 2, {0, 4});
  same.add(0, 0, {0, 5});
  for (const auto& merged : {plainly, by_heap}) {
    CHECK(merged(ab_first, {0, 1, 2, 0, 1}) == Ids{3, 2, 3});
    CHECK(merged(bc_first, {0, 1, 2, 0, 1}) == Ids{0, 4, 3});
    CHECK(merged(same, {0, 0, 0, 0, 0}) == Ids{5, 5, 0});
    CHECK(merged(same, {}).empty());
    CHECK(merged(same, {0}) == Ids{0});
  }
}

TEST_CASE("merges: what is merged merges on") {
  MergeTable table;
  table.add(0, 0, {0, 1});
  table.add(1, 1, {1, 2});
  table.add(2, 2, {2, 3});
  CHECK(plainly(table, Ids(13, 0)) == Ids{3, 2, 0});
  CHECK(by_heap(table, Ids(13, 0)) == Ids{3, 2, 0});
}

TEST_CASE("merges: the heap equals the plain algorithm") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    MergeTable table;
    std::int32_t next = 4;
    for (std::uint32_t rank = 0; rank < 60; ++rank)
      table.add(static_cast<std::int32_t>(random() % static_cast<unsigned>(next)),
                static_cast<std::int32_t>(random() % static_cast<unsigned>(next)), {rank, next++});
    Ids ids(random() % 200);
    for (auto& id : ids) id = static_cast<std::int32_t>(random() % 4);
    REQUIRE(plainly(table, ids) == by_heap(table, ids));
    MergeScratch scratch;
    Ids chosen = ids;
    merge(table, chosen, scratch);
    REQUIRE(chosen == plainly(table, ids));
  }
}

TEST_CASE("merges: a table holds many pairs, and the later merge of a pair") {
  MergeTable table;
  CHECK(table.find(1, 2) == nullptr);
  for (std::int32_t i = 0; i < 10'000; ++i) table.add(i, i * 7, {static_cast<std::uint32_t>(i), i + 1});
  table.add(5, 35, {9, 77});
  CHECK(table.count() == 10'000);
  for (std::int32_t i = 0; i < 10'000; ++i) REQUIRE(table.find(i, i * 7)->id == (i == 5 ? 77 : i + 1));
  CHECK(table.find(7, 1) == nullptr);
}

TEST_CASE("merges: a long piece takes no time") {
  MergeTable table;
  table.add(0, 1, {0, 2});
  table.add(2, 2, {1, 3});
  Ids ids(1'000'000);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i % 2);
  CHECK(by_heap(table, ids) == Ids(250'000, 3));
}
