// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/total.hpp"

#include "tests/accounting/ledgers.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("runs add up by convention: a convention that one run lacks counts there as nothing") {
  RunReport a, b;
  a.ledger = summarise({{attempt_start(1), interval(1, 0, 4), attempt_start(2), interval(2, 0, 3)}, 0, false}, "a");
  Interval other = interval(1, 0, 5);
  other.training.model.erase("exact");
  other.training.model["palm"] = {11};
  b.ledger = summarise({{attempt_start(1), other}, 0, false}, "b");
  const FiguresById total = total_figures({a, b});
  CHECK(total.size() == 3);
  CHECK(to_decimal(total.at("6n").spent) == "120000000000000000000000");
  CHECK(to_decimal(total.at("6n").kept) == "80000000000000000000000");
  CHECK(to_decimal(total.at("6n").lost) == "40000000000000000000000");
  CHECK(total.at("exact").spent.value == 49);
  CHECK(total.at("palm").kept.value == 11);
  CHECK(total_tokens({a, b}).value == 64 * 8);
  CHECK(evaluation_figures(a.ledger).at("exact").lost.value == 4);
  CHECK(training_figures(a.ledger).at("exact").lost.value == 28);
}
