// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/formula.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

template <class T>
T sent(T p, T n) {
  return (p - T(1)) * (T(2) * n);
}

}  // namespace

TEST_CASE("formula: one template is a number and its own text") {
  CHECK(sent<std::int64_t>(3, 3) == 12);
  CHECK(sent<Formula>("P", "n").text() == "(P - 1) 2 n");
  CHECK(sent<Formula>("P", "n").expanded() == "2 P n - 2 n");
}

TEST_CASE("formula: parentheses where the text needs them, and a factor 1 left out") {
  const Formula a("a"), b("b"), c("c");
  CHECK((a - (b - c)).text() == "a - (b - c)");
  CHECK((a - b * c).text() == "a - b c");
  CHECK((a + b + c).text() == "a + b + c");
  CHECK(((a + b) * c / "P").text() == "(a + b) c/P");
  CHECK(((a + b) / "P").text() == "(a + b)/P");
  CHECK((Formula(1) * a).text() == "a");
  CHECK((a * 1).text() == "a");
}

TEST_CASE("formula: equal terms are added, whatever the order of their factors, and what cancels is gone") {
  const Formula a("a"), b("b");
  CHECK((Formula(3) * (2 * a * b) + b * a).expanded() == "7 a b");
  CHECK((a / "K" + b + a / "K").expanded() == "2 a/K + b");
  CHECK((b - 2 * a).expanded() == "b - 2 a");
  CHECK((Formula(0) - a).expanded() == "-a");
  CHECK((a - a).expanded() == "0");
  CHECK((2 + a - 1).expanded() == "1 + a");
}

TEST_CASE("formula: only a symbol divides") {
  CHECK_THROWS_AS(Formula("a") / (Formula("b") + 1), Bug);
  CHECK_THROWS_AS(Formula("a") / 2, Bug);
}
