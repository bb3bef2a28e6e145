// SPDX-License-Identifier: Apache-2.0
#include "parallel/flight_reading.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "parallel/flight_format.hpp"
#include "parallel/verdict.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

// Rank 3 of tp {2, 3} has done an all_reduce and waits for a message from rank 2.
std::string written(const std::string& verdict = R"({"finder": 2, "message": "rank 2: m"})") {
  FlightRecord record(3);
  const int tp = record.add_group("tp", {2, 3});
  record.enter(FlightPhase::step, 12);
  record.enter(FlightPart::backward);
  const std::array<std::int64_t, 2> shape = {4, 16};
  const std::uint64_t first = record.open(tp, Collective::all_reduce, at::kDouble, 64, -1, shape);
  record.started(first);
  record.close(first);
  record.waited_for(record.open(tp, Collective::recv, at::kByte, 5, 0));
  return format_flight(record, verdict);
}

// The text with one value changed, or left out where it is null.
std::string with(const nlohmann::json::json_pointer& place, const nlohmann::json& value) {
  nlohmann::json json = nlohmann::json::parse(written());
  if (value.is_null())
    json.at(place.parent_pointer()).erase(place.back());
  else
    json[place] = value;
  return json.dump();
}

std::string refusal(const std::string& text) {
  try {
    parse_flight(text, "RUN/flight/rank_00003.json");
  } catch (const Error& error) {
    CHECK((error.code() == ExitCode::data && error.where() == "RUN/flight/rank_00003.json" && !error.hint().empty()));
    return error.problem();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("flight_reading: what was written is read") {
  const ReadFlight flight = parse_flight(written(), "x");
  CHECK((flight.rank == 3 && flight.phase == "backward" && flight.step == 12 && !flight.host.empty()));
  CHECK((flight.verdict == "rank 2: m" && flight.finder == 2));
  REQUIRE(flight.groups.size() == 1);
  CHECK((flight.groups[0].name == "tp" && flight.groups[0].key == "tp#0:2-3" && flight.groups[0].members == std::vector<int>{2, 3}));
  CHECK((flight.groups[0].collectives == 1 && flight.groups[0].asked == std::vector<std::int64_t>{1, 0} &&
         flight.groups[0].sent == std::vector<std::int64_t>{0, 0}));
  REQUIRE(flight.operations.size() == 2);
  const ReadOperation &done = flight.operations[0], &waited = flight.operations[1];
  CHECK((done.operation == "all_reduce" && done.tensor() == "[4, 16] float64" && done.peer == -1 && done.done()));
  CHECK((done.sequence == 0 && done.step == 12 && done.phase == "backward"));
  CHECK((waited.operation == "recv" && waited.tensor() == "5 x uint8" && waited.peer == 0 && waited.waits() && !waited.sends()));
  CHECK((flight.waits() == &waited && flight.last() == &waited));
  CHECK(done.created_unix_ns <= waited.created_unix_ns);
  CHECK(waited.created_unix_ns <= flight.written_unix_ns);
  CHECK(flight.written_unix_ns > 1'600'000'000'000'000'000);
  CHECK(parse_flight(written(""), "x").verdict.empty());
}

TEST_CASE("flight_reading: who found that a rank is missing from an operation has the whole verdict") {
  CHECK_FALSE(parse_flight(written(), "x").found);
  AwaitedOperation operation{3, "tp", "tp#0:2-3", {2, 3}, "recv", "uint8", 5, 4, 0, 12, "backward"};
  const Verdict verdict{3, operation, {1.5}, {{2, MissingRank::Why::stopped, "its process is stopped"}}};
  const ReadFlight flight = parse_flight(written(to_text(verdict, to_error(verdict, ""))), "x");
  REQUIRE(flight.found);
  CHECK((flight.finder == 3 && flight.found->missing == std::vector<int>{2} && flight.found->rank == 3));
  CHECK((flight.found->group_key == "tp#0:2-3" && flight.found->operation == "recv" && flight.found->peer == 0 &&
         flight.found->sequence == 4));
  for (const Verdict& other : {Verdict{3, {}, {1.5}, verdict.missing}, Verdict{3, operation, {1.5}, {}}})
    CHECK_FALSE(parse_flight(written(to_text(other, to_error(other, ""))), "x").found);
}

TEST_CASE("flight_reading: a record of an earlier build has no shapes and no counts of messages") {
  nlohmann::json json = nlohmann::json::parse(written());
  for (const char* key : {"sent", "asked"}) json["groups"][0].erase(key);
  for (auto& operation : json["operations"]) operation.erase("shape");
  const ReadFlight flight = parse_flight(json.dump(), "x");
  CHECK((flight.groups[0].sent.empty() && flight.operations[0].tensor() == "64 x float64"));
}

TEST_CASE("flight_reading: a record that is torn, of another schema, or contradicts itself is refused") {
  using Catch::Matchers::Contains;
  const std::string text = written();
  for (const std::size_t kept : {std::size_t{0}, text.size() / 3, text.size() - 3})
    CHECK_THAT(refusal(text.substr(0, kept)), Contains("this is not a whole flight record: "));
  const auto at = [](const char* place) { return nlohmann::json::json_pointer(place); };
  CHECK_THAT(refusal(with(at("/schema"), "ergon.flight.v2")),
             Contains("schema 'ergon.flight.v2' is unknown, this build reads ergon.flight.v1"));
  CHECK_THAT(refusal(with(at("/rank"), nullptr)), Contains("rank"));
  CHECK_THAT(refusal(with(at("/step"), "twelve")), Contains("type must be number"));
  CHECK_THAT(refusal(with(at("/origin_unix_ns"), "soon")), Contains("origin_unix_ns is no number"));
  CHECK_THAT(refusal(with(at("/rank"), 7)), Contains("rank 7 is no member of its group tp#0:2-3"));
  CHECK_THAT(refusal(with(at("/groups/0/sent"), {1})), Contains("counts messages of 1 and 2 of its 2 members"));
  CHECK_THAT(refusal(with(at("/operations/0/group"), 4)), Contains("operation 1 is of group 4 of 1"));
  CHECK_THAT(refusal(with(at("/operations/1/peer"), 2)), Contains("operation 2 has the peer 2 of a group of 2"));
}

}  // namespace ergon
