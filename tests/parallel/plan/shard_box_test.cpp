// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/shard_box.hpp"

#include <algorithm>
#include <random>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

// The tensor offset of every element of a piece, by counting through the box.
std::vector<std::int64_t> elements(const Extents& shape, const Piece& piece) {
  std::vector<std::int64_t> offsets;
  const std::int64_t count = num_elements(piece.box.extent);
  for (std::int64_t at = 0; at < count; ++at) {
    std::int64_t rest = at, offset = 0, stride = 1;
    for (std::size_t d = shape.size(); d-- > 0;) {
      offset += (piece.box.offset[d] + rest % piece.box.extent[d]) * stride;
      rest /= piece.box.extent[d];
      stride *= shape[d];
    }
    if (at >= piece.range.begin && at < piece.range.end) offsets.push_back(offset);
  }
  return offsets;
}

Piece random_piece(const Extents& shape, std::mt19937& random) {
  ShardBox box;
  for (std::int64_t size : shape) {
    const std::int64_t offset = static_cast<std::int64_t>(random() % static_cast<unsigned>(size));
    box.offset.push_back(offset);
    box.extent.push_back(1 + static_cast<std::int64_t>(random() % static_cast<unsigned>(size - offset)));
  }
  const auto count = static_cast<unsigned>(num_elements(box.extent) + 1);
  std::int64_t a = random() % count, b = random() % count;
  return {box, {std::min(a, b), std::max(a, b)}};
}

}  // namespace

TEST_CASE("extents are shown in brackets") {
  CHECK(extents_text({2, 3}) == "[2, 3]");
  CHECK(extents_text({}) == "[]");
}

TEST_CASE("shard_box: the header's example") {
  const Piece columns = whole_piece({{0, 3}, {4, 3}});
  CHECK(columns.range == ElementRange{0, 12});
  const Piece zero{columns.box, {6, 12}};
  CHECK(elements({4, 6}, zero) == std::vector<std::int64_t>{15, 16, 17, 21, 22, 23});
  CHECK(intersect(whole_piece(whole({4, 6})), zero) == std::vector<CopyRun>{{15, 0, 3}, {21, 3, 3}});
  CHECK(intersect(columns, zero) == std::vector<CopyRun>{{6, 0, 6}});
}

TEST_CASE("shard_box: intersections copy exactly the common elements") {
  std::mt19937 random(1);
  for (const Extents& shape : {Extents{}, Extents{17}, Extents{5, 7}, Extents{3, 4, 5}, Extents{2, 3, 2, 4}})
    for (int round = 0; round < 300; ++round) {
      const Piece source = random_piece(shape, random), target = random_piece(shape, random);
      const auto from = elements(shape, source), to = elements(shape, target);
      std::vector<std::int64_t> got(to.size(), -1), expected(to.size(), -1);
      for (std::size_t i = 0; i < to.size(); ++i)
        if (std::binary_search(from.begin(), from.end(), to[i])) expected[i] = to[i];
      std::int64_t last_target = -1;
      for (const CopyRun& run : intersect(source, target)) {
        CHECK(run.length > 0);
        CHECK(run.target > last_target);
        last_target = run.target + run.length - 1;
        for (std::int64_t k = 0; k < run.length; ++k)
          got.at(static_cast<std::size_t>(run.target + k)) = from.at(static_cast<std::size_t>(run.source + k));
      }
      CHECK(got == expected);
    }
}

TEST_CASE("shard_box: whole rows become one run") {
  const Piece all = whole_piece(whole({1000, 1000}));
  CHECK(intersect(all, all) == std::vector<CopyRun>{{0, 0, 1000000}});
}

TEST_CASE("shard_box: pieces that cut rows cover a tensor exactly once") {
  const Extents shape = {4, 6};
  const ShardBox left{{0, 0}, {4, 3}}, right{{0, 3}, {4, 3}};
  CHECK_NOTHROW(check_cover("w", shape, {{right, {0, 5}}, {left, {0, 12}}, {right, {5, 12}}}));
  CHECK_NOTHROW(check_cover("w", {}, {whole_piece(whole({}))}));
  CHECK_NOTHROW(check_cover("w", {0, 4}, {}));
  const auto problem = [&](const std::vector<Piece>& pieces) -> std::string {
    try {
      check_cover("layers.0.w", shape, pieces);
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::data);
      CHECK(error.where() == "layers.0.w");
      return error.problem();
    }
    return "accepted";
  };
  CHECK(problem({{right, {0, 5}}, {left, {0, 12}}, {right, {6, 12}}}) == "elements [11, 12) are in no piece");
  CHECK(problem({{right, {0, 12}}, {left, {0, 11}}}) == "elements [20, 21) are in no piece");
  CHECK(problem({{right, {0, 11}}, {left, {0, 12}}}) == "elements [23, 24) are in no piece");
  CHECK(problem({{right, {0, 5}}, {left, {0, 12}}, {right, {4, 12}}}) == "elements [10, 11) are in more than one piece");
  CHECK(problem({whole_piece(left), whole_piece({{0, 4}, {4, 3}})}) ==
        "a piece reaches outside the tensor: offset 4 extent 3 in dim 1 of size 6");
  CHECK(problem({{left, {0, 13}}}) == "a piece holds the range [0, 13) of a box of 12 elements");
  CHECK(problem({{left, {5, 4}}}) == "a piece holds the range [5, 4) of a box of 12 elements");
  CHECK(problem({whole_piece({{0}, {4}})}) == "a piece of 1 dims in a tensor of 2");
  CHECK(problem({}) == "elements [0, 24) are in no piece");
}

}  // namespace ergon
