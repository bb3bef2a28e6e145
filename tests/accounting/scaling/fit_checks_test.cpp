// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/fit_checks.hpp"

#include "configs/error.hpp"
#include "tests/accounting/scaling/synthetic.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using Catch::Matchers::Contains;

namespace {

std::vector<FitRow> good() { return test::planted({1.7, 400, 1500, 0.34, 0.36}, 5, 6, 0.01, 1); }

template <typename Change>
std::vector<FitRow> but(Change change) {
  std::vector<FitRow> rows = good();
  change(rows);
  return rows;
}

template <typename Change>
std::vector<FitRow> each(Change change) {
  std::vector<FitRow> rows = good();
  for (FitRow& row : rows) change(row);
  return rows;
}

}  // namespace

TEST_CASE("rows of one unit pass") {
  CHECK_NOTHROW(require_units(good(), "t"));
  CHECK_NOTHROW(require_fittable(good(), "t"));
  CHECK(six_n_d_disagreement(good(), "t").empty());
}

TEST_CASE("mixed units are refused, naming the row") {
  CHECK_THROWS_WITH(require_units(but([](auto& rows) { rows[6].parameters = 0.4; }), "t"),
                    Contains("row 7: N is 0.4") && Contains("units are mixed"));
  CHECK_THROWS_WITH(require_units(but([](auto& rows) { rows[2].tokens *= 1e9; }), "t"),
                    Contains("row 3: D is") && Contains("units are mixed"));
  CHECK_THROWS_WITH(require_units(but([](auto& rows) { rows[4].flops /= 8.64e19; }), "t"), Contains("row 5: C is"));
  CHECK_THROWS_WITH(require_units(each([](FitRow& row) { row.parameters /= 1e9; }), "t"), Contains("is no count of parameters"));
  CHECK_THROWS_WITH(require_units(each([](FitRow& row) { row.parameters /= 1e5; }), "t"),
                    Contains("tokens a parameter, and half of the rows have more: a unit is wrong"));
  CHECK_THROWS_WITH(require_units(each([](FitRow& row) { row.tokens /= 1e6; }), "t"),
                    Contains("tokens a parameter, and half of the rows have fewer: a unit is wrong"));
  CHECK_THROWS_WITH(require_units(but([](auto& rows) { rows[1].loss = 25; }), "t"),
                    Contains("row 2: a loss of 25") && Contains("perplexity"));
}

TEST_CASE("C beside N and D: what does not agree is said, and a wrong unit is refused") {
  const std::string said = six_n_d_disagreement(but([](auto& rows) { rows[3].flops *= 1.3; }), "t");
  CHECK(said.find("C is not 6 N D: it is 1 times that in row") != std::string::npos);
  CHECK(said.find("1.3 times in row 4") != std::string::npos);
  CHECK(six_n_d_disagreement(each([](FitRow& row) { row.flops *= 1.005; }), "t").empty());
  CHECK_THROWS_WITH(six_n_d_disagreement(but([](auto& rows) { rows[3].flops *= 50; }), "t"),
                    Contains("row 4: C is 50 times") && Contains("mixed"));
  CHECK_THROWS_WITH(six_n_d_disagreement(but([](auto& rows) { rows[8].flops /= 50; }), "t"), Contains("row 9: C is 0.02 times"));
  CHECK_THROWS_WITH(six_n_d_disagreement(each([](FitRow& row) { row.flops *= 1000; }), "t"), Contains("a unit is wrong"));
}

TEST_CASE("points that cannot determine a law are refused, saying why") {
  CHECK_THROWS_WITH(require_fittable(but([](auto& rows) { rows.resize(5); }), "t"), Contains("5 rows with 5 different pairs"));
  CHECK_THROWS_WITH(require_fittable(each([](FitRow& row) { row.parameters = 1e9; }), "t"), Contains("every row has N = 1e+09"));
  CHECK_THROWS_WITH(require_fittable(each([](FitRow& row) { row.tokens = 1e10; }), "t"), Contains("every row has D = 1e+10"));
  CHECK_THROWS_WITH(require_fittable(each([](FitRow& row) { row.loss = 3; }), "t"), Contains("the loss is 3 in every row"));
  CHECK_THROWS_WITH(require_fittable(each([](FitRow& row) { row.tokens = 20 * row.parameters; }), "t"), Contains("one power of N"));
}
