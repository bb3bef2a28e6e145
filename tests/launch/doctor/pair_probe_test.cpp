// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/pair_probe.hpp"

#include <fmt/format.h>

#include "tests/parallel/collective_cases.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

std::string pairs_of(const std::vector<RankPlace>& places, std::size_t most = 32) {
  std::string text;
  for (const RankPair& pair : representative_pairs(places, most)) text += fmt::format("{} {}-{}; ", name(pair.kind), pair.a, pair.b);
  return text;
}

}  // namespace

TEST_CASE("pair_probe: the first pair of each class on a node, a ring of nodes") {
  CHECK(pairs_of({{"a", 0}}) == "");
  CHECK(pairs_of({{"a", 0}, {"a", 0}}) == "same NUMA domain 0-1; ");
  CHECK(pairs_of({{"a", -1}, {"a", -1}}) == "same node 0-1; ");
  CHECK(pairs_of({{"a", 0}, {"a", 1}, {"a", 1}, {"b", 1}}) == "same NUMA domain 1-2; same node 0-1; different nodes 0-3; ");
  CHECK(pairs_of({{"a", 0}, {"b", 0}, {"c", 0}, {"a", 0}}) ==
        "same NUMA domain 0-3; different nodes 0-1; different nodes 1-2; different nodes 0-2; ");
}

TEST_CASE("pair_probe: of many nodes some, spread evenly") {
  std::vector<RankPlace> places;
  for (int i = 0; i < 8; ++i) places.push_back({fmt::format("n{}", i), 0});
  CHECK(pairs_of(places, 4) == "different nodes 0-1; different nodes 2-3; different nodes 4-5; different nodes 6-7; ");
  CHECK(representative_pairs(places, 32).size() == 8);
}

TEST_CASE("pair_probe: two talk, a third sleeps") {
  const std::string failed = on_threads(3, [](Communicator& world, Failures& failures) {
    const PairFigures figures = time_pair(world, {PairClass::same_node, 0, 2});
    if (world.rank() == 1) {
      failures.expect(figures.rate == 0, "rank 1 has no figures");
    } else {
      failures.expect(figures.latency.value > 0 && figures.latency.value < 10, "a latency");
      failures.expect(figures.rate > 1e5, fmt::format("{} bytes a second", figures.rate));
    }
  });
  CHECK(failed == "");
}
