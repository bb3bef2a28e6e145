// SPDX-License-Identifier: Apache-2.0
// `ergon flight`: where the ranks of a run parted, from the flight records that its end left.
#include <iostream>
#include <optional>

#include "configs/error.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/flight_records.hpp"
#include "launch/flight_report.hpp"

namespace ergon {

int command_flight(int argc, char** argv) {
  std::string run;
  std::int64_t attempt = 0;
  bool json = false;
  CommandLine line("ergon flight",
                   "where the ranks of a run parted: the first operation that some did not start, or that differs between them");
  line.positional(run, "RUN", "the folder of a run that ended with code 5, or because one rank could not go on");
  line.option(attempt, "--attempt", "N", "the records of this attempt (default: the newest that has any)");
  line.flag(json, "--json", "print JSON, schema ergon.flight_comparison.v1");
  line.footer(
      "Ranks are compared group by group: collectives by their number in the group, messages by their number between two ranks. What "
      "comes\n"
      "first is what to look at: a rank that is late and waits for nobody itself, or two ranks whose operation, dtype or sizes differ; "
      "what\n"
      "follows from it comes after. Sizes of an all_to_all may differ. The records are described in parallel/FLIGHT.md.\n"
      "Exit codes: 0 the records were read, whatever they show; 2 usage; 3 no such run, no records, or one that is not whole.\n\n"
      "Examples:\n  ergon flight runs/demo\n  ergon flight runs/demo --attempt 2 --json\n");
  if (!line.parse(argc, argv)) return 0;
  if (line.given("--attempt") && attempt < 1)
    throw Error(fmt::format("there is no attempt {}", attempt), "--attempt", "attempts are counted from 1");
  const FlightRecords records = read_flight_records(run, line.given("--attempt") ? std::optional(attempt) : std::nullopt);
  const FlightComparison comparison = compare_flights(records.ranks);
  std::cout << (json ? flight_json(records, comparison) : flight_text(records, comparison)) << std::flush;
  return 0;
}

}  // namespace ergon
