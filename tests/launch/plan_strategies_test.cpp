// SPDX-License-Identifier: Apache-2.0
#include "launch/plan_strategies.hpp"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "parallel/plan/strategy_table.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using nlohmann::json;

namespace {

RunConfig run(std::int64_t cp) {
  RunConfig config;
  config.model.heads = 4;
  config.model.kv_heads = 2;
  config.model.head_width = 16;
  config.model.sequence = 64;
  config.train.batch = 4;
  config.train.microbatch = 2;
  config.mesh.cp = cp;
  return config;
}

}  // namespace

TEST_CASE("plan_strategies: the table in parallel/README.md is what the command prints") {
  const std::string readme = test::read_file(std::string(std::getenv("ERGON_SOURCE")) + "/parallel/README.md");
  INFO("paste the output of `ergon plan --strategies` below its first mention in parallel/README.md");
  CHECK(readme.find("`ergon plan --strategies`") < readme.find(strategies_in_symbols(StrategyFormat::text)));
  CHECK(readme.find(strategies_in_symbols(StrategyFormat::text)) != std::string::npos);
}

TEST_CASE("plan_strategies: in symbols as JSON too") {
  const json table = json::parse(strategies_in_symbols(StrategyFormat::json));
  CHECK(table["schema"] == "ergon.strategies.v1");
  REQUIRE(table["rows"].size() == strategy_rows().size());
  CHECK(table["rows"][0]["forward"]["bytes"] == "(P - 1) 2 n e");
  CHECK(table["rows"][1]["memory_bytes_per_rank"]["kept"] == "x e + 2 n' e + x a + l a");
  CHECK(table["legend"].size() == strategy_legend().size());
}

TEST_CASE("plan_strategies: a run's own figures, of one layer and microbatch") {
  // N = 2 * 64 * 2 * 16 = 4096 elements of all keys, X twice that, float32.
  const json rows = json::parse(strategies_of(run(2), StrategyFormat::json))["rows"];
  REQUIRE(rows.size() == 3);  // two ranks make no hybrid
  CHECK(rows[0]["strategy"] == "ring");
  CHECK(rows[0]["forward"]["bytes"] == 2 * 4096 * 4);
  CHECK(rows[0]["forward"]["calls"] == 1);
  CHECK(rows[0]["backward"]["bytes"] == 2 * 4096 * 8);
  CHECK(rows[1]["strategy"] == "ulysses");
  CHECK(rows[1]["forward"]["bytes"] == (2 * 8192 + 2 * 4096) * 4 / 2);
  CHECK(rows[1]["memory_bytes_per_rank"]["kept"] == (4096 + 2 * 2048) * 4 + 4096 * 4 + 2 * 32 * 4 * 4);
  const std::string text = strategies_of(run(2), StrategyFormat::text);
  CHECK(text.find("cp = 2, one layer, one microbatch of 2 x 64 positions, float32") == 0);
  CHECK(text.find("32768      1") != std::string::npos);
}

TEST_CASE("plan_strategies: tensor ranks have their own heads, bfloat16 its own wire, uneven heads the rank that holds most") {
  RunConfig config = run(2);
  config.mesh.tp = 2;
  config.train.dtype = DType::bfloat16;
  const json rows = json::parse(strategies_of(config, StrategyFormat::json))["rows"];
  CHECK(rows[0]["forward"]["bytes"] == 2 * 2048 * 2);
  CHECK(rows[0]["backward"]["bytes"] == 2 * 2048 * (2 + 4));
  config = run(2);
  config.model.heads = config.model.kv_heads = 3;
  CHECK(json::parse(strategies_of(config, StrategyFormat::json))["rows"][1]["memory_bytes_per_rank"]["kept"] ==
        2 * 64 * (2 * 3 + 2) * 16 * 4 + 2 * 64 * 2 * 4);
}

TEST_CASE("plan_strategies: a hybrid for every size of the exchange that makes one, or for that of the file") {
  const auto sizes = [](const RunConfig& config) {
    std::vector<std::int64_t> result;
    const json page = json::parse(strategies_of(config, StrategyFormat::json));
    for (const json& row : page["rows"]) {
      CHECK(row.contains("ulysses") == (row["strategy"] == "hybrid"));
      if (row.contains("ulysses")) result.push_back(row["ulysses"]);
    }
    return result;
  };
  CHECK(sizes(run(2)).empty());
  CHECK(sizes(run(4)) == std::vector<std::int64_t>{2});
  CHECK(sizes(run(8)) == std::vector<std::int64_t>{2, 4});
  CHECK(sizes(run(16)) == std::vector<std::int64_t>{2, 4});  // eight would leave four ranks without a head
  RunConfig config = run(8);
  config.mesh.tp = 2;
  CHECK(sizes(config) == std::vector<std::int64_t>{2});
  config = run(8);
  config.mesh.ulysses = 4;
  CHECK(sizes(config) == std::vector<std::int64_t>{4});
  // X = 8192 elements in the exchange of half, N = 4096 elements of keys that travel on in each of four places of the ring.
  const json hybrid = json::parse(strategies_of(run(8), StrategyFormat::json))["rows"][3];
  CHECK(hybrid["forward"]["bytes"] == (2 * 8192 + 2 * 4096) * 4 / 2 + 3 * 2 * 4096 * 4);
  CHECK(hybrid["forward"]["calls"] == 2 + 3);
  CHECK(strategies_of(run(8), StrategyFormat::text).find("\nhybrid u=2 ") != std::string::npos);
  config.mesh.ulysses = 3;
  CHECK(json::parse(strategies_of(config, StrategyFormat::json))["rows"][3]["refused"].get<std::string>().find(
            "8 context ranks cannot be cut into groups of 3") == 0);
}

TEST_CASE("plan_strategies: what the rules do not allow stands there with its sentence") {
  RunConfig config = run(8);
  const json rows = json::parse(strategies_of(config, StrategyFormat::json))["rows"];
  CHECK(rows[1]["refused"].get<std::string>().find("8 ranks exchange 4 query heads") != std::string::npos);
  CHECK(rows[1].contains("forward") == false);
  CHECK(strategies_of(config, StrategyFormat::text).find("ulysses      8 ranks exchange") != std::string::npos);
  config.model.sequence = 65;
  CHECK_THROWS_WITH(strategies_of(config, StrategyFormat::text), Catch::Contains("model.sequence"));
  CHECK_THROWS_WITH(strategies_of(run(1), StrategyFormat::text), Catch::Contains("set mesh.cp to 2 or more"));
}
