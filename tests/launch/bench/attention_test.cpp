// SPDX-License-Identifier: Apache-2.0
// What the ranks of `ergon bench attention-sharding` do, over threads, and the command as a person types it, with tiny sizes.
#include "launch/bench/attention.hpp"

#include <mutex>
#include <set>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "parallel/communicator_local.hpp"
#include "tests/launch/answers.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using nlohmann::json;

namespace {

ShardingJob tiny() {
  ShardingJob job;
  job.lengths = {32, 64};
  job.heads = 4;
  job.kv_heads = 2;
  job.head_width = 8;
  job.rounds = 1;
  return job;
}

std::set<std::string> names(const std::vector<AttentionVariant>& variants) {
  std::set<std::string> all;
  for (const AttentionVariant& variant : variants) all.insert(variant.name);
  return all;
}

std::optional<Error> refused(std::vector<std::string> words) {
  words.insert(words.begin(), "attention-sharding");
  return test::refusal_of(command_bench, "bench", words);
}

}  // namespace

TEST_CASE("attention-sharding: a job survives its JSON") {
  ShardingJob job = tiny();
  job.dtype = DType::bfloat16;
  job.causal = false;
  job.batch = 3;
  job.gather_heads = 2;
  const ShardingJob back = sharding_job(to_json(job));
  CHECK(to_json(back) == to_json(job));
  CHECK(back.dtype == DType::bfloat16);
  CHECK_FALSE(back.causal);
  CHECK(extent_of(back, 32).wire == 2);
  CHECK(extent_of(back, 32).exact == 4);
}

TEST_CASE("attention-sharding: strategies that the sizes allow are measured and the others named with the rule's sentence") {
  CHECK(names(attention_variants(tiny(), 4).measured) ==
        std::set<std::string>{"ring contiguous", "ring zigzag", "ring striped", "ulysses", "gather_kv", "hybrid"});
  const AttentionVariants two = attention_variants(tiny(), 2);
  CHECK(two.measured.size() == 5);
  REQUIRE(two.left_out.size() == 1);
  CHECK(two.left_out[0].name == "hybrid");
  const AttentionVariants eight = attention_variants(tiny(), 8);
  REQUIRE(eight.left_out.size() == 1);
  CHECK(eight.left_out[0].name == "ulysses");
  CHECK(eight.left_out[0].reason.find("8 ranks exchange 4 query heads") != std::string::npos);
  CHECK_THROWS_WITH(attention_variants(tiny(), 3), Catch::Contains("take multiples of 6"));
}

TEST_CASE("attention-sharding: ranks measure every strategy and length, and send what the formulas say") {
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    ShardingJob job = tiny();
    job.dtype = dtype;
    std::vector<json> answers(4);
    run_local_ranks(
        4, [&](std::unique_ptr<Communicator> world) { answers[static_cast<std::size_t>(world->rank())] = measure_attention(*world, job); });
    const json& answer = answers[0];
    CHECK(answer.at("ranks") == 4);
    for (const char* operation : {"ring_shift", "all_to_all", "all_gather"}) {
      CHECK(answer.at("links").at(operation).at("latency").get<double>() > 0);
      CHECK(answer.at("links").at(operation).at("bandwidth").get<double>() > 0);
    }
    REQUIRE(answer.at("lengths").size() == 2);
    const AttentionVariants variants = attention_variants(job, 4);
    for (const json& length : answer.at("lengths")) {
      CHECK(length.at("kernel").at("backward").get<double>() > 0);
      REQUIRE(length.at("variants").size() == variants.measured.size());
      for (std::size_t i = 0; i < variants.measured.size(); ++i) {
        const json& variant = length.at("variants")[i];
        INFO(variant.dump());
        const AttentionTraffic traffic =
            attention_traffic(variants.measured[i].sharding, 1, extent_of(job, length.at("length").get<std::int64_t>()));
        CHECK(variant.at("bytes").at("forward") == total(traffic.forward).bytes.value);
        CHECK(variant.at("bytes").at("backward") == total(traffic.backward).bytes.value);
        for (const char* pass : {"forward", "backward"}) {
          CHECK(variant.at("seconds").at(pass).get<double>() > 0);
          CHECK(variant.at("exposed").at(pass).get<double>() >= 0);
          CHECK(variant.at("exposed").at(pass).get<double>() <= 1);
        }
      }
    }
  }
}

TEST_CASE("attention-sharding: the command over MPI, as JSON and for a person") {
  const std::vector<std::string> line = {"bench", "attention-sharding", "--ranks", "2,4",          "--lengths", "32,64",    "--heads",
                                         "4",     "--kv-heads",         "2",       "--head-width", "8",         "--rounds", "1"};
  std::vector<std::string> as_json = line;
  as_json.push_back("--json");
  const json result = json::parse(test::ergon(as_json));
  CHECK(result.at("schema") == "ergon.bench.v1");
  CHECK(result.at("name") == "attention-sharding");
  int timed = 0, crossovers = 0;
  for (const json& row : result.at("cases")) {
    for (const char* key : {"case", "value", "unit", "baseline", "ratio"}) CHECK(row.contains(key));
    if (!row.contains("strategy")) {
      ++crossovers;
      CHECK(row.at("unit") == "positions");
      CHECK(row.at("predicted_nothing_hidden").is_string());
      continue;
    }
    ++timed;
    INFO(row.dump());
    CHECK(row.at("bytes") == row.at("bytes_formula"));
    CHECK(row.at("bytes").get<std::int64_t>() > 0);
    CHECK(row.at("ratio").get<double>() > 0);
  }
  CHECK(timed == 2 * 2 * (5 + 6));
  CHECK(crossovers == 2 * 2);
  CHECK(result.at("model").at("constants").size() == 2);
  const std::string text = test::ergon(line);
  CHECK_THAT(text, Catch::Contains("ring zigzag overtakes ulysses, backward, 4 ranks: "));
  CHECK_THAT(text, Catch::Contains("hybrid on 2 ranks left out: "));
}

TEST_CASE("attention-sharding: what cannot be measured is refused before ranks are started") {
  CHECK(refused({"--ranks", "1"})->where() == "--ranks");
  CHECK(refused({"--ranks", "2", "--lengths", "64,32"})->where() == "--lengths");
  CHECK(refused({"--ranks", "2", "--lengths", "30"})->where() == "--lengths");
  CHECK(refused({"--heads", "3", "--kv-heads", "2"})->where() == "--kv-heads");
  CHECK(refused({"--dtype", "float16"}));
  for (const char* option : {"--batch", "--heads", "--kv-heads", "--head-width", "--gather-heads", "--rounds"})
    CHECK(std::string(refused({option, "0"})->problem()).find(option) == 0);
}
