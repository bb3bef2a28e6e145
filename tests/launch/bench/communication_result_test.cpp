// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/communication_result.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using nlohmann::json;

namespace {

json answer() {
  return {{"ranks", 2},
          {"collectives", {{{"operation", "all_reduce"}, {"bytes", 1000}, {"sent", 4000}, {"seconds", 1e-6}}}},
          {"overlap",
           {{{"operation", "ring_shift"},
             {"bytes", 1000},
             {"blocks", 9},
             {"seconds", {{"transfer", 1e-3}, {"compute", 2e-3}, {"unpolled", 3e-3}, {"polled", 2e-3}, {"thread", 4e-3}}}}}}};
}

}  // namespace

TEST_CASE("communication rows: what a rank sends a second, and what computing hides, by who polls") {
  const json cases = communication_result({}, {answer()}).at("cases");
  REQUIRE(cases.size() == 4);
  CHECK(cases[0].at("case") == "all_reduce, 1000 bytes, 2 ranks");
  CHECK(cases[0].at("bytes_per_second").get<double>() == Approx(2e9));
  CHECK(cases[1].at("polls") == "unpolled");
  CHECK(cases[1].at("ratio").get<double>() == Approx(1));
  CHECK(cases[1].at("hidden").get<double>() == Approx(0).margin(1e-9));
  CHECK(cases[2].at("polls") == "polled");
  CHECK(cases[2].at("hidden").get<double>() == Approx(1));
  CHECK(cases[3].at("polls") == "thread");
  CHECK(cases[3].at("hidden").get<double>() == Approx(-1));
}

TEST_CASE("communication lines for a person") {
  const std::string text = communication_text(communication_result({}, {answer()}));
  CHECK_THAT(text, Catch::Contains("2.000 GB/s sent by a rank"));
  CHECK_THAT(text, Catch::Contains("beside computing, MPI_Test between blocks"));
  CHECK_THAT(text, Catch::Contains("0.67 x one after the other, hides 100 %"));
}
