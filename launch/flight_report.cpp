// SPDX-License-Identifier: Apache-2.0
#include "launch/flight_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "accounting/communication_volume.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;
using MismatchKind = FlightMismatch::Kind;

std::string ranks_text(const std::vector<int>& ranks) {
  return fmt::format("{} {}", ranks.size() == 1 ? "rank" : "ranks", fmt::join(ranks, ", "));
}

// "all_reduce 17 on tp (axis tp, ranks 2, 3)", "recv 4 on pp (axis pp, from rank 0 to rank 1)".
std::string operation_text(const FlightMismatch& m) {
  const std::string axes = axes_of_group(m.group);
  const std::string who =
      m.message ? fmt::format("from rank {} to rank {}", m.ranks.at(0).rank, m.ranks.at(1).rank) : ranks_text(m.members);
  return fmt::format("{} {} on {} ({}{})", m.operation, m.sequence, m.group, axes.empty() ? "" : fmt::format("axis {}, ", axes), who);
}

std::string last_text(const ReadFlight& flight, const ReadOperation& o) {
  return fmt::format("{} {} on {}, {}, step {} ({})", o.operation, o.sequence, flight.groups[o.group].name, o.tensor(), o.step, o.phase);
}

std::string headline(const FlightMismatch& m) {
  const std::string place = fmt::format("{}, step {} ({})", operation_text(m), m.step, m.phase);
  if (m.kind == MismatchKind::different) return "the ranks did not start the same operation: " + place;
  if (m.kind == MismatchKind::unfinished) return fmt::format("started by all and not finished: {}", place);
  const std::vector<int> late = m.late();
  return fmt::format("{} did not start {}", ranks_text(late), place);
}

const ReadFlight* flight_of(const FlightRecords& records, int rank) {
  const auto found = std::find_if(records.ranks.begin(), records.ranks.end(), [&](const ReadFlight& f) { return f.rank == rank; });
  return found == records.ranks.end() ? nullptr : &*found;
}

// Of a rank that is late: where it is instead.
std::string instead(const FlightRecords& records, int rank) {
  const ReadFlight* flight = flight_of(records, rank);
  if (flight == nullptr) return "";
  const ReadOperation* waits = flight->waits();
  if (waits == nullptr) return fmt::format(", waits for nobody in step {} ({})", flight->step, flight->phase);
  return fmt::format(", waits in {}", last_text(*flight, *waits));
}

std::string standing_text(FlightStanding standing) {
  switch (standing) {
    case FlightStanding::done:
      return "done";
    case FlightStanding::waits:
      return "waits";
    case FlightStanding::under_way:
      return "under way";
    case FlightStanding::not_started:
      return "not started";
    case FlightStanding::no_record:
      return "no record: killed, stopped or cut off";
  }
  return "";
}

std::string mismatch_text(const FlightRecords& records, const FlightMismatch& m) {
  std::string text = headline(m) + "\n";
  for (const FlightPlace& place : m.ranks) {
    std::string line = standing_text(place.standing);
    if (place.operation) line += fmt::format(": {} of {}", place.operation->operation, place.operation->tensor());
    if (place.standing == FlightStanding::not_started) line += instead(records, place.rank);
    text += fmt::format("  rank {:<5} {}\n", place.rank, line);
  }
  return text;
}

std::string ranks_table(const FlightRecords& records) {
  std::string text = fmt::format("\nRanks\n  {:>5}  {:<16} {:<20} {:<11} {}\n", "rank", "host", "in", "last", "operation");
  for (const ReadFlight& flight : records.ranks) {
    const ReadOperation *waits = flight.waits(), *last = flight.last();
    const ReadOperation* shown = waits != nullptr ? waits : last;
    const char* how = waits != nullptr ? "waits in" : last == nullptr ? "-" : last->done() ? "did" : "started";
    text += fmt::format("  {:>5}  {:<16} {:<20} {:<11} {}\n", flight.rank, flight.host,
                        fmt::format("step {}, {}", flight.step, flight.phase), how, shown == nullptr ? "" : last_text(flight, *shown));
  }
  return text;
}

// The message of the rank that found out, or could not go on.
const ReadFlight* first_verdict(const FlightRecords& records) {
  const ReadFlight* found = nullptr;
  for (const ReadFlight& flight : records.ranks)
    if (!flight.verdict.empty() && (found == nullptr || flight.finder == flight.rank)) found = &flight;
  return found;
}

Json operation_json(const ReadOperation& o) {
  return {{"operation", o.operation}, {"sequence", o.sequence}, {"dtype", o.dtype}, {"elements", o.elements},
          {"shape", o.shape},         {"state", o.state},       {"step", o.step},   {"phase", o.phase}};
}

Json operation_json(const ReadFlight& flight, const ReadOperation* o) {
  if (o == nullptr) return nullptr;
  Json json = operation_json(*o);
  json["group"] = flight.groups[o->group].name;
  return json;
}

const char* why_no_operation(FlightStanding standing) {
  if (standing == FlightStanding::no_record) return "this rank left no record";
  return standing == FlightStanding::done ? "done so long ago that the record no longer holds it" : "this rank has not started it";
}

Json mismatch_json(const FlightMismatch& m, const std::string& path, Json& reason) {
  Json ranks = Json::array();
  for (const FlightPlace& place : m.ranks) {
    if (!place.operation) reason[fmt::format("{}.ranks[{}].operation", path, ranks.size())] = why_no_operation(place.standing);
    ranks.push_back({{"rank", place.rank},
                     {"standing", name(place.standing)},
                     {"operation", place.operation ? operation_json(*place.operation) : Json()}});
  }
  return {{"kind", name(m.kind)},
          {"group", m.group},
          {"axes", axes_of_group(m.group)},
          {"key", m.key},
          {"members", m.members},
          {"message", m.message},
          {"operation", m.operation},
          {"sequence", m.sequence},
          {"step", m.step},
          {"phase", m.phase},
          {"late", m.late()},
          {"ranks", ranks},
          {"text", headline(m)}};
}

}  // namespace

std::string flight_text(const FlightRecords& records, const FlightComparison& comparison) {
  std::string text = fmt::format("{}: records of {}\n", records.folder, ranks_text([&] {
                                   std::vector<int> ranks;
                                   for (const ReadFlight& flight : records.ranks) ranks.push_back(flight.rank);
                                   return ranks;
                                 }()));
  if (!comparison.without_record.empty()) text += fmt::format("  no record of {}\n", ranks_text(comparison.without_record));
  std::vector<std::int64_t> others = records.attempts;
  std::erase(others, records.attempt);
  if (!others.empty()) text += fmt::format("  other attempts with records: {} (--attempt N)\n", fmt::join(others, ", "));
  if (const ReadFlight* verdict = first_verdict(records)) text += fmt::format("  what ended it: {}\n", verdict->verdict);

  const auto& mismatches = comparison.mismatches;
  text += mismatches.empty() ? "\nNo mismatch: nobody waits, and no two records differ\n"
                             : "\nFirst mismatch: " + mismatch_text(records, mismatches.front());
  for (std::size_t i = 1; i < mismatches.size(); ++i)
    text += fmt::format("{}  {}\n", i == 1 ? "\nAfter it\n" : "", headline(mismatches[i]));
  return text + ranks_table(records);
}

std::string flight_json(const FlightRecords& records, const FlightComparison& comparison) {
  Json ranks = Json::array(), after = Json::array(), reason = Json::object();
  for (const ReadFlight& flight : records.ranks) {
    if (flight.waits() == nullptr) reason[fmt::format("ranks[{}].waits", ranks.size())] = "this rank waits for nobody";
    if (flight.last() == nullptr) reason[fmt::format("ranks[{}].last", ranks.size())] = "this rank has recorded no operation";
    ranks.push_back({{"rank", flight.rank},
                     {"host", flight.host},
                     {"step", flight.step},
                     {"phase", flight.phase},
                     {"waits", operation_json(flight, flight.waits())},
                     {"last", operation_json(flight, flight.last())}});
  }
  for (std::size_t i = 1; i < comparison.mismatches.size(); ++i)
    after.push_back(mismatch_json(comparison.mismatches[i], fmt::format("after[{}]", i - 1), reason));
  const Json mismatch = comparison.mismatches.empty() ? Json() : mismatch_json(comparison.mismatches.front(), "mismatch", reason);
  const ReadFlight* verdict = first_verdict(records);
  if (verdict == nullptr) reason["verdict"] = "no record says what ended the run";
  if (comparison.mismatches.empty()) reason["mismatch"] = "nobody waits, and no two records differ";
  const Json json = {{"schema", "ergon.flight_comparison.v1"},
                     {"run", records.run},
                     {"folder", records.folder},
                     {"attempt", records.attempt},
                     {"attempts", records.attempts},
                     {"verdict", verdict == nullptr ? Json() : Json(verdict->verdict)},
                     {"mismatch", mismatch},
                     {"after", after},
                     {"without_record", comparison.without_record},
                     {"ranks", ranks},
                     {"reason", reason}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ergon
