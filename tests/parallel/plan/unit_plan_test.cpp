// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/unit_plan.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

using Numbers = std::vector<int>;

// Every stage that a pipeline can have.
std::vector<UnitPlan> plans() {
  std::vector<UnitPlan> all;
  for (const std::vector<int>& chunks : std::vector<std::vector<int>>{{1}, {2}, {5}, {1, 1}, {2, 3}, {1, 2, 1}})
    for (const int tables : {0, 1, 2})
      for (const bool head : {false, true})
        for (const bool shared : {false, true}) {
          if (shared && (!head || tables == 0)) continue;
          all.push_back({.tables = tables, .chunks = chunks, .head = head, .table_of_head = shared, .table_twice = tables == 2 || shared});
        }
  return all;
}

}  // namespace

TEST_CASE("unit_plan: the header's examples") {
  const UnitPlan last{.tables = 1, .chunks = {1, 2}, .head = true, .table_of_head = true, .table_twice = true};
  CHECK(last.units() == 5);
  CHECK(last.layers() == 3);
  CHECK(round_groups(last) == Numbers{0, 1, 2, 2, 2});
  CHECK(unit_buffers({.tables = 1, .chunks = {4}}) == Numbers{0, 1, 2, 1, 2, 0});
  CHECK(unit_buffers({.tables = 1, .chunks = {4}, .table_of_head = true}) == Numbers{0, 1, 2, 1, 2, 3});
}

TEST_CASE("unit_plan: a stage has the buffers that it needs") {
  CHECK(unit_buffers({.tables = 2, .chunks = {2}, .head = false, .table_twice = true}) == Numbers{0, 1, 2, 3});
  CHECK(unit_buffers({.tables = 0, .chunks = {2, 1}, .head = false}) == Numbers{0, 1, 0});
  CHECK(unit_buffers({.tables = 0, .chunks = {3}}) == Numbers{0, 1, 0, 2});
  CHECK(unit_buffers({.tables = 1, .chunks = {1}}) == Numbers{0, 1, 0});
  CHECK(unit_buffers({.tables = 1, .chunks = {0}}) == Numbers{0, 1});
  CHECK_THROWS_AS(unit_buffers({.tables = 0, .chunks = {0}, .head = false}), Bug);
  CHECK_THROWS_AS(unit_buffers({.tables = 0, .chunks = {1}, .table_of_head = true}), Bug);
}

TEST_CASE("unit_plan: units that are at work together or follow each other in a chunk never share a buffer") {
  for (const UnitPlan& plan : plans()) {
    const std::vector<int> buffers = unit_buffers(plan);
    REQUIRE(std::ssize(buffers) == plan.units());
    CAPTURE(buffers);
    int unit = plan.tables;
    for (const int layers : plan.chunks)
      for (int i = 0; i < layers; ++i, ++unit)
        if (i > 0) CHECK(buffers[static_cast<std::size_t>(unit)] != buffers[static_cast<std::size_t>(unit) - 1]);
    if (buffers.size() > 1) CHECK(buffers.front() != buffers[1]);
    if (plan.tables == 2) CHECK(buffers[1] != buffers[2]);
    if (plan.head && buffers.size() > 1) CHECK(buffers.back() != buffers[buffers.size() - 2]);
    if (plan.table_of_head) CHECK(buffers.back() != buffers.front());
  }
}

TEST_CASE("unit_plan: a group is what one chunk finishes, and a table that is held twice leaves alone") {
  CHECK(round_groups({.tables = 1, .chunks = {3}}) == Numbers{0, 0, 0, 0, 0});
  CHECK(round_groups({.tables = 2, .chunks = {1, 2}, .head = false, .table_twice = true}) == Numbers{0, 1, 1, 2, 2});
  CHECK(round_groups({.tables = 1, .chunks = {1, 2}, .head = false}) == Numbers{0, 0, 1, 1});
  CHECK(round_groups({.tables = 0, .chunks = {1, 1, 1}, .head = false}) == Numbers{0, 1, 2});
}

}  // namespace ergon
