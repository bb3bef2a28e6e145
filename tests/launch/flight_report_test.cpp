// SPDX-License-Identifier: Apache-2.0
#include "launch/flight_report.hpp"

#include "tests/accounting/reasons.hpp"
#include "tests/launch/flight_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using Catch::Matchers::Contains;

namespace {

std::string text_of(const FlightRecords& records) { return flight_text(records, compare_flights(records.ranks)); }
nlohmann::json json_of(const FlightRecords& records) { return checked_json(flight_json(records, compare_flights(records.ranks))); }

}  // namespace

TEST_CASE("flight_report: the page names who is late, on what, and what each rank did last") {
  FlightRun run;
  run.attempt(1).attempt(2);
  const std::string text = text_of(read_flight_records(run.path(), {}));
  CHECK_THAT(text, Contains("attempt_0002: records of ranks 0, 1\n") && Contains("no record of rank 2\n"));
  CHECK_THAT(text, Contains("other attempts with records: 1 (--attempt N)") && Contains("what ended it: rank 0: rank 2 is missing"));
  CHECK_THAT(text, Contains("First mismatch: rank 2 did not start all_reduce 1 on tp (axis tp, ranks 0, 1, 2), step 6 (forward)\n"));
  CHECK_THAT(text, Contains("  rank 0     waits: all_reduce of [4, 16] float64\n") &&
                       Contains("  rank 2     no record: killed, stopped or cut off\n"));
  CHECK_THAT(text, Contains("step 6, forward      waits in    all_reduce 1 on tp, [4, 16] float64, step 6 (forward)\n"));
}

TEST_CASE("flight_report: operations that differ stand beside each other") {
  FlightRun run;
  run.attempt(1, FlightRun::Rest::differs);
  const std::string text = text_of(read_flight_records(run.path(), {}));
  CHECK_THAT(text, Contains("First mismatch: the ranks did not start the same operation: all_reduce 1 on tp"));
  CHECK_THAT(text, Contains("  rank 0     waits: all_reduce of") && Contains("  rank 1     waits: all_gather of"));
}

TEST_CASE("flight_report: JSON has the same, and says why a value is null") {
  FlightRun run;
  run.attempt(1);
  const nlohmann::json json = json_of(read_flight_records(run.path(), {}));
  CHECK((json["schema"] == "ergon.flight_comparison.v1" && json["attempt"] == 1 && json["attempts"] == nlohmann::json{1}));
  const auto& m = json["mismatch"];
  CHECK((m["kind"] == "missing" && m["group"] == "tp" && m["axes"] == "tp" && m["operation"] == "all_reduce" && m["sequence"] == 1));
  CHECK((m["step"] == 6 && m["phase"] == "forward" && m["late"] == nlohmann::json{2} && m["message"] == false));
  CHECK((m["ranks"][0]["standing"] == "waits" && m["ranks"][0]["operation"]["shape"] == nlohmann::json{4, 16}));
  CHECK((m["ranks"][2]["standing"] == "no_record" && m["ranks"][2]["operation"].is_null()));
  CHECK(json["reason"]["mismatch.ranks[2].operation"] == "this rank left no record");
  CHECK(json["without_record"] == nlohmann::json{2});
  CHECK((json["ranks"][1]["waits"]["group"] == "tp" && json["ranks"][1]["last"]["elements"] == 64));
  CHECK(json["verdict"] == "rank 0: rank 2 is missing");
}

TEST_CASE("flight_report: late ranks say where they are instead, messages from whom to whom, and nothing is nothing") {
  FlightRecords records{"run", "run/flight/attempt_0001", 1, {1}, {}};
  for (int rank = 0; rank < 3; ++rank) {
    ReadFlight flight;
    flight.rank = rank;
    flight.phase = "update";
    flight.step = 4;
    flight.groups = {{"pp", "pp", {0, 1, 2}, 0, {}, {}}};
    records.ranks.push_back(flight);
  }
  CHECK_THAT(text_of(records), Contains("No mismatch: nobody waits, and no two records differ"));
  CHECK(json_of(records)["mismatch"].is_null());
  ReadOperation receive;
  receive.operation = "recv";
  receive.dtype = "float32";
  receive.elements = 12;
  receive.state = "waited_for";
  receive.phase = "forward";
  receive.step = 5;
  receive.peer = 0;
  records.ranks[1].operations = {receive};
  receive.peer = 1;
  records.ranks[2].operations = {receive};
  const std::string text = text_of(records);
  CHECK_THAT(text, Contains("First mismatch: rank 0 did not start recv 0 on pp (axis pp, from rank 0 to rank 1), step 5 (forward)"));
  CHECK_THAT(text, Contains("  rank 0     not started, waits for nobody in step 4 (update)\n"));
  CHECK_THAT(text, Contains("After it\n  rank 1 did not start recv 0 on pp (axis pp, from rank 1 to rank 2)"));
  CHECK(json_of(records)["after"][0]["ranks"][0]["rank"] == 1);
}
