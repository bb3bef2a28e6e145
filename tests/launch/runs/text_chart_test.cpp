// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/text_chart.hpp"

#include <cmath>
#include <limits>

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

constexpr double hole = std::numeric_limits<double>::quiet_NaN(), infinite = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("text_chart: columns are means of what is finite in equal parts") {
  const std::vector<double> values = {1, 3, 5, hole, 10, 30};
  CHECK(column_means(values, 3) == std::vector<double>{2, 5, 20});
  CHECK(column_means(std::vector<double>{1, 2}, 5) == std::vector<double>{1, 2});
  CHECK(std::isnan(column_means(std::vector<double>{hole, infinite}, 1).at(0)));
  CHECK(column_means(values, 0).empty());
  CHECK(column_means({}, 3).empty());
}

TEST_CASE("text_chart: the range of what is finite") {
  const std::vector<double> values = {2, hole, -1, infinite};
  CHECK(range_of(values).low == -1);
  CHECK(range_of(values).high == 2);
  CHECK(range_of({}).high == 0);
}

TEST_CASE("text_chart: the lowest has a mark, the highest fills its column") {
  const std::vector<double> values = {0, 1, 2, hole};
  CHECK(text_chart(values, 1, Glyphs::ascii) == std::vector<std::string>{".:| "});
  CHECK(text_chart(values, 3, Glyphs::ascii) == std::vector<std::string>{"  | ", " :| ", ".|| "});
  CHECK(text_chart(values, 1, Glyphs::utf8) == std::vector<std::string>{"\xe2\x96\x81\xe2\x96\x85\xe2\x96\x88 "});
  CHECK(text_chart(std::vector<double>{4, 4}, 1, Glyphs::ascii) == std::vector<std::string>{"::"});
  CHECK(text_chart({}, 2, Glyphs::ascii) == std::vector<std::string>{"", ""});
  CHECK(text_chart(values, 0, Glyphs::ascii).empty());
}
