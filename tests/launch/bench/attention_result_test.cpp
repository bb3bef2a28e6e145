// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/attention_result.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using nlohmann::json;

namespace {

ShardingJob job() {
  ShardingJob job;
  job.lengths = {64, 128};
  job.heads = job.kv_heads = 4;
  job.head_width = 8;
  return job;
}

json both(double forward) { return {{"forward", forward}, {"backward", 2 * forward}}; }

json variant(const char* name, double seconds) {
  return {{"name", name}, {"bytes", {{"forward", 10}, {"backward", 20}}}, {"seconds", both(seconds)}, {"exposed", both(0.25)}};
}

// The ring overtakes between the lengths where `ring_at_128` is below 2.
json answer(double ring_at_128) {
  const json link = {{"latency", 1e-6}, {"bandwidth", 1e9}};
  return {{"ranks", 2},
          {"links", {{"ring_shift", link}, {"all_to_all", link}, {"all_gather", link}}},
          {"lengths",
           {{{"length", 64}, {"kernel", both(0.5)}, {"variants", {variant("ring zigzag", 2), variant("ulysses", 1)}}},
            {{"length", 128}, {"kernel", both(1)}, {"variants", {variant("ring zigzag", ring_at_128), variant("ulysses", 2)}}}}}};
}

}  // namespace

TEST_CASE("crossover: between the last two lengths where the second curve gets below the first for good") {
  const std::vector<double> lengths = {100, 200, 400};
  CHECK(*measured_crossover(lengths, {1, 2, 4}, {2, 2, 2}).length == Approx(200));
  CHECK(*measured_crossover({100, 400}, {1, 4}, {2, 2}).length == Approx(200));  // half the way in logarithms
  CHECK(*measured_crossover(lengths, {1, 1, 1}, {0.5, 2, 0.5}).length == Approx(std::sqrt(200.0 * 400)));
  CHECK_FALSE(measured_crossover(lengths, {1, 1, 1}, {2, 0.5, 2}).length);
  CHECK_FALSE(measured_crossover(lengths, {1, 1, 1}, {2, 0.5, 2}).overtakes);
  CHECK(measured_crossover(lengths, {2, 2, 2}, {1, 1, 1}).overtakes);
  CHECK_THROWS_AS(measured_crossover(lengths, {1}, {1}), Bug);
}

TEST_CASE("constants: the kernel's rate is that of the longest sequence, of the rank with most heads") {
  const AttentionMachine machine = measured_machine(job(), answer(1));
  const double pairs = 128 * 129 / 2;
  CHECK(machine.forward.value == Approx(4 * pairs * 2 * 8 / 1.0));
  CHECK(machine.backward.value == Approx(10 * pairs * 2 * 8 / 2.0));
  CHECK(machine.hop.latency.value == 1e-6);
  CHECK(machine.exchange.bandwidth.value == 1e9);
}

TEST_CASE("attention-sharding rows: time against the kernel alone, bytes beside the formula's, the crossover beside the predicted one") {
  const json result = attention_result(job(), {answer(1)});
  const json& cases = result.at("cases");
  REQUIRE(cases.size() == 2 * 2 * 2 + 2);
  CHECK(cases[0].at("case") == "ring zigzag, forward, 64 positions, 2 ranks");
  CHECK(cases[0].at("ratio") == 4);
  CHECK(cases[0].at("exposed") == 0.25);
  CHECK(cases[0].at("bytes_formula") == 2 * 64 * 4 * 8 * 4);
  CHECK(cases[8].at("case") == "ring zigzag overtakes ulysses, forward, 2 ranks");
  CHECK(cases[8].at("value").get<double>() == Approx(64 * std::sqrt(2)));
  // Of two ranks with as many key heads as query heads the ring sends no more and half as often.
  CHECK(cases[8].at("baseline").at("value").is_null());
  CHECK(cases[8].at("reason").at("baseline.value") == "the ring is predicted to be faster at every length");
  CHECK(cases[8].at("ratio").is_null());
  CHECK(result.at("left_out").size() == 1);
  const json never = attention_result(job(), {answer(3)}).at("cases")[8];
  CHECK(never.at("value").is_null());
  CHECK(never.at("reason").at("value") == "the ring is faster at no length measured");
}

TEST_CASE("attention-sharding lines for a person") {
  const std::string text = attention_text(attention_result(job(), {answer(1)}));
  CHECK_THAT(text, Catch::Contains("4.00 x the kernel alone  waited 25.0 %  10 bytes"));
  CHECK_THAT(text, Catch::Contains("ring zigzag overtakes ulysses, forward, 2 ranks: from 91 positions on; predicted at every length, "
                                   "where nothing hides a hop at every length"));
  CHECK_THAT(text, Catch::Contains("hybrid on 2 ranks left out: 2 ranks make no groups of 2"));
}
