// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/strategy_table.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("strategy_table: the formulas of each strategy, in symbols") {
  const std::vector<StrategyRow> rows = strategy_rows();
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].strategy == "ring");
  CHECK(rows[0].forward_bytes == "(P - 1) 2 n e");
  CHECK(rows[0].forward_calls == "P - 1");
  CHECK(rows[0].backward_bytes == "(P - 1) 2 n (e + a)");
  CHECK(rows[0].backward_calls == "2 (P - 1)");
  CHECK(rows[0].kept == "2 n e + l a");
  CHECK(rows[1].strategy == "ulysses");
  CHECK(rows[1].forward_bytes == "(2 x + 2 n') e (P - 1)/P");
  CHECK(rows[1].backward_bytes == "(2 x e + 2 n' a) (P - 1)/P");
  CHECK(rows[1].forward_scratch == "4 x e + 4 n' e");
  CHECK(rows[2].strategy == "gather_kv");
  CHECK(rows[2].forward_calls == "K/s");
  CHECK(rows[2].backward_calls == "2 K/s");
  CHECK(rows[3].strategy == "hybrid");
  CHECK(rows[3].forward_bytes == "(2 x + 2 n') e (u - 1)/u + (r - 1) 2 n' e");
  CHECK(rows[3].backward_calls == "1 + 2 r");
}

TEST_CASE("strategy_table: a line of Markdown for each, and every symbol explained") {
  const std::string table = strategy_table();
  for (const StrategyRow& row : strategy_rows()) CHECK(table.find("| `" + row.strategy + "` | " + row.forward_bytes) != std::string::npos);
  std::string legend;
  for (const std::string& line : strategy_legend()) legend += line + " ";
  for (const char* symbol : {"P context", "x = ", "n = ", "n' ", "l = ", "m = ", "e bytes", " a of", "F the", "W bytes", "G = "})
    CHECK(legend.find(symbol) != std::string::npos);
}
