// SPDX-License-Identifier: Apache-2.0
// `ergon bench communication` as a person types it, with tiny sizes.
#include "launch/bench/communication.hpp"

#include <map>

#include "tests/launch/subcommands.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using nlohmann::json;

TEST_CASE("communication: a job survives its JSON") {
  const CommunicationJob job{{8, 16}, {32}, 7}, back = communication_job(to_json(job));
  CHECK(back.bytes == job.bytes);
  CHECK(back.hidden_bytes == job.hidden_bytes);
  CHECK(back.rounds == 7);
}

TEST_CASE("communication: every collective by size, and every transfer beside computing by who polls") {
  const json result = json::parse(test::ergon(
      {"bench", "communication", "--ranks", "2,3", "--bytes", "48,4800", "--hidden-bytes", "48000", "--rounds", "1", "--json"}));
  CHECK(result.at("schema") == "ergon.bench.v1");
  CHECK(result.at("name") == "communication");
  CHECK(result.at("machine").at("cores").get<int>() >= 1);
  std::map<std::string, std::int64_t> sent;
  int collectives = 0, overlaps = 0;
  for (const json& row : result.at("cases")) {
    CHECK(row.at("value").get<double>() > 0);
    CHECK(row.at("unit") == "s");
    if (row.contains("hidden")) {
      ++overlaps;
      CHECK(row.at("baseline").at("name") == "one after the other");
      CHECK(row.at("ratio").get<double>() > 0);
      CHECK(row.at("blocks").get<int>() >= 8);
    } else {
      ++collectives;
      CHECK(row.at("baseline").is_null());
      CHECK(row.at("reason").at("baseline").is_string());
      sent[row.at("case").get<std::string>()] = row.at("sent").get<std::int64_t>();
    }
  }
  CHECK(collectives == 2 * 2 * 5);
  CHECK(overlaps == 2 * 3 * 3);
  CHECK(sent.at("all_reduce, 4800 bytes, 3 ranks") == 2 * 2 * 4800);
  CHECK(sent.at("ring_shift, 48 bytes, 2 ranks") == 2 * 48);
}
