// SPDX-License-Identifier: Apache-2.0
#include "parallel/flight_format.hpp"

#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>

namespace ergon {
namespace {

using Json = nlohmann::json;

template <typename Clock>
std::int64_t nanoseconds_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}

Json json_of(const FlightEntry& entry, std::int64_t origin) {
  const auto time = [&](std::int64_t at) { return at == 0 ? Json() : Json(at - origin); };
  return {{"id", entry.id},
          {"group", entry.group},
          {"operation", name(entry.operation)},
          {"dtype", dtype_name(entry.dtype)},
          {"elements", entry.elements},
          {"shape", entry.shape.list()},
          {"peer", entry.peer < 0 ? Json() : Json(entry.peer)},
          {"sequence", entry.sequence},
          {"created_ns", time(entry.created)},
          {"started_ns", time(entry.started)},
          {"completed_ns", time(entry.completed)},
          {"state", name(entry.state)},
          {"phase", name(entry.phase, entry.part)},
          {"step", entry.step}};
}

std::string host() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

}  // namespace

std::string format_flight(const FlightRecord& record, const std::string& verdict) {
  const FlightRecord::Position position = record.position();
  const std::vector<FlightEntry> entries = record.entries();
  const std::int64_t steady = nanoseconds_now<std::chrono::steady_clock>(), origin = entries.empty() ? steady : entries.front().created;
  Json groups = Json::array(), operations = Json::array();
  for (const FlightGroup& group : record.groups())
    groups.push_back({{"name", group.name},
                      {"key", group.key()},
                      {"members", group.members},
                      {"collectives", group.collectives},
                      {"sent", group.sent},
                      {"asked", group.asked}});
  for (const FlightEntry& entry : entries) operations.push_back(json_of(entry, origin));
  const std::int64_t unix_origin = nanoseconds_now<std::chrono::system_clock>() - (steady - origin);
  const Json file = {{"schema", "ergon.flight.v1"},
                     {"rank", record.rank()},
                     {"host", host()},
                     {"pid", getpid()},
                     {"phase", name(position.phase, position.part)},
                     {"step", position.step},
                     {"origin_unix_ns", std::to_string(unix_origin)},
                     {"written_ns", steady - origin},
                     {"groups", groups},
                     {"operations", operations},
                     {"verdict", verdict.empty() ? Json() : Json::parse(verdict)}};
  return file.dump(1) + "\n";
}

std::string flight_file_name(int rank) { return fmt::format("rank_{:05}.json", rank); }
std::string verdict_file_name(int rank) { return fmt::format("verdict_{:05}.json", rank); }

}  // namespace ergon
