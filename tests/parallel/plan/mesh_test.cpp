// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/mesh.hpp"

#include <algorithm>
#include <set>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

std::string key_of_refusal(MeshSizes sizes, const std::string& order) {
  try {
    Mesh mesh(sizes, order);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::config);
    CHECK_FALSE(error.hint().empty());
    return error.where();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("mesh: the header's example") {
  const Mesh mesh({.dp = 2, .pp = 1, .cp = 1, .tp = 2}, "tp-cp-dp-pp");
  CHECK(mesh.group(0, Axis::tp) == std::vector<int>{0, 1});
  CHECK(mesh.group(3, Axis::tp) == std::vector<int>{2, 3});
  CHECK(mesh.group(0, Axis::dp) == std::vector<int>{0, 2});
  CHECK(mesh.group(1, Axis::dp | Axis::cp) == std::vector<int>{1, 3});
  CHECK(mesh.summary() == "dp=2 tp=2");
  CHECK(Mesh({}).summary() == "1 rank");
  CHECK(mesh.sizes() == MeshSizes{.dp = 2, .pp = 1, .cp = 1, .tp = 2});
}

TEST_CASE("mesh: the leftmost axis of the order has stride one") {
  const Mesh mesh({.dp = 2, .pp = 3, .cp = 2, .tp = 4}, "dp-pp-tp-cp");
  CHECK(mesh.size() == 48);
  const int rank = 1 + 2 * (2 + 3 * (3 + 4 * 1));
  CHECK(mesh.coordinate(rank, Axis::dp) == 1);
  CHECK(mesh.coordinate(rank, Axis::pp) == 2);
  CHECK(mesh.coordinate(rank, Axis::tp) == 3);
  CHECK(mesh.coordinate(rank, Axis::cp) == 1);
  CHECK(mesh.rank({3, 1, 1, 2}) == rank);
}

TEST_CASE("mesh: groups partition the ranks, color and key say the same as the lists, in every order") {
  std::vector<std::string> names = {"cp", "dp", "pp", "tp"};
  const std::vector<AxisSet> sets = {Axis::tp, Axis::cp | Axis::dp, Axis::dp | Axis::pp, (Axis::tp | Axis::cp) | Axis::dp | Axis::pp,
                                     AxisSet()};
  do {
    const std::string order = names[0] + "-" + names[1] + "-" + names[2] + "-" + names[3];
    const Mesh mesh({.dp = 3, .pp = 2, .cp = 2, .tp = 2}, order);
    for (AxisSet axes : sets) {
      std::set<std::vector<int>> groups;
      for (int rank = 0; rank < mesh.size(); ++rank) {
        std::vector<int> expected;
        for (int other = 0; other < mesh.size(); ++other) {
          bool same = true;
          for (Axis axis : all_axes)
            if (!axes.contains(axis)) same = same && mesh.coordinate(rank, axis) == mesh.coordinate(other, axis);
          if (same) expected.push_back(other);
        }
        const std::vector<int> group = mesh.group(rank, axes);
        CHECK(group == expected);
        CHECK(static_cast<int>(group.size()) == mesh.size(axes));
        CHECK(group[static_cast<std::size_t>(mesh.color_key(rank, axes).key)] == rank);
        groups.insert(group);
      }
      CHECK(static_cast<int>(groups.size()) == mesh.size() / mesh.size(axes));
    }
  } while (std::next_permutation(names.begin(), names.end()));
}

TEST_CASE("mesh: prints its table") {
  const std::string expected =
      "2 ranks, order tp-cp-dp-pp\n"
      "  rank    tp    cp    dp    pp\n"
      "     0     0     0     0     0\n"
      "     1     1     0     0     0\n";
  CHECK(Mesh({.dp = 1, .pp = 1, .cp = 1, .tp = 2}).to_string() == expected);
  CHECK((Axis::dp | Axis::cp).to_string() == "cp-dp");
}

TEST_CASE("mesh: what it refuses") {
  CHECK(key_of_refusal({.dp = 0, .pp = 1, .cp = 1, .tp = 1}, "tp-cp-dp-pp") == "mesh.dp");
  CHECK(key_of_refusal({.dp = 1, .pp = 1, .cp = 1, .tp = -2}, "tp-cp-dp-pp") == "mesh.tp");
  CHECK(key_of_refusal({.dp = 5000, .pp = 5000, .cp = 1, .tp = 1}, "tp-cp-dp-pp") == "mesh.pp");
  for (const char* order : {"", "tp", "tp-cp-dp", "tp-cp-dp-dp", "tp-cp-dp-pp-", "tp-cp-dp-xx", "tpcpdppp", "tp-cp-dp-pp-tp"})
    CHECK(key_of_refusal({}, order) == "mesh.order");
  CHECK_THROWS_AS(Mesh({}).coordinate(1, Axis::tp), Bug);
  CHECK_THROWS_AS(Mesh({}).rank({1, 0, 0, 0}), Bug);
}

}  // namespace ergon
