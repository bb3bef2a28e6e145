// SPDX-License-Identifier: Apache-2.0
#include "parallel/flight_format.hpp"

#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("flight_format: a record as a file") {
  FlightRecord record(3);
  const int tp = record.add_group("tp", {2, 3});
  record.enter(FlightPhase::step, 12);
  record.enter(FlightPart::backward);
  const std::uint64_t first = record.open(tp, Collective::all_reduce, at::kDouble, 64);
  record.started(first);
  record.close(first);
  record.waited_for(record.open(tp, Collective::send, at::kByte, 5, 0));
  const auto file = nlohmann::json::parse(format_flight(record, R"({"message": "m"})"));
  CHECK(file.at("schema") == "ergon.flight.v1");
  CHECK(file.at("rank") == 3);
  CHECK(file.at("pid") == getpid());
  CHECK(file.at("step") == 12);
  CHECK(file.at("phase") == "backward");
  CHECK(file.at("verdict").at("message") == "m");
  CHECK(file.at("groups")[0].at("key") == "tp#0:2-3");
  CHECK(file.at("groups")[0].at("collectives") == 1);
  const auto& done = file.at("operations")[0];
  const auto& sent = file.at("operations")[1];
  CHECK(done.at("operation") == "all_reduce");
  CHECK(done.at("dtype") == "float64");
  CHECK(done.at("elements") == 64);
  CHECK(done.at("phase") == "backward");
  CHECK(done.at("peer").is_null());
  CHECK(done.at("created_ns") == 0);
  CHECK(done.at("state") == "completed");
  CHECK(done.at("completed_ns") >= done.at("started_ns"));
  CHECK(sent.at("peer") == 0);
  CHECK(sent.at("state") == "waited_for");
  CHECK(sent.at("completed_ns").is_null());
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  CHECK(std::abs(std::stoll(file.at("origin_unix_ns").get<std::string>()) - now) < 60'000'000'000);
}

TEST_CASE("flight_format: an empty record, no verdict, names of files") {
  const auto file = nlohmann::json::parse(format_flight(FlightRecord(0), ""));
  CHECK(file.at("operations").empty());
  CHECK(file.at("verdict").is_null());
  CHECK(flight_file_name(3) == "rank_00003.json");
  CHECK(verdict_file_name(12) == "verdict_00012.json");
}

}  // namespace ergon
