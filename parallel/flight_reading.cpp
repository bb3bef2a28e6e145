// SPDX-License-Identifier: Apache-2.0
#include "parallel/flight_reading.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/shallow_json.hpp"
#include "parallel/plan/shard_box.hpp"

namespace ergon {
namespace {

using Json = nlohmann::json;
constexpr const char* schema = "ergon.flight.v1";

ReadGroup group_from(const Json& json) {
  ReadGroup group{json.at("name"), json.at("key"), json.at("members"), json.at("collectives"), {}, {}};
  if (json.contains("sent")) group.sent = json.at("sent").get<std::vector<std::int64_t>>();
  if (json.contains("asked")) group.asked = json.at("asked").get<std::vector<std::int64_t>>();
  return group;
}

ReadOperation operation_from(const Json& json, std::int64_t origin) {
  ReadOperation operation;
  operation.id = json.at("id");
  operation.group = json.at("group");
  operation.operation = json.at("operation");
  operation.dtype = json.at("dtype");
  operation.elements = json.at("elements");
  if (json.contains("shape")) operation.shape = json.at("shape").get<std::vector<std::int64_t>>();
  if (!json.at("peer").is_null()) operation.peer = json.at("peer");
  operation.sequence = json.at("sequence");
  operation.created_unix_ns = origin + json.at("created_ns").get<std::int64_t>();
  operation.state = json.at("state");
  operation.phase = json.at("phase");
  operation.step = json.at("step");
  return operation;
}

// Of a rank that was told, or could not go on, or found a death that nobody waited for: nothing.
std::optional<ReadVerdict> verdict_from(const Json& json) {
  if (!json.contains("missing") || json.at("missing").empty() || json.at("operation").is_null()) return {};
  const Json& operation = json.at("operation");
  ReadVerdict verdict{
      {}, operation.at("rank"), operation.at("group_key"), operation.at("operation"), operation.at("peer"), operation.at("sequence")};
  for (const Json& missing : json.at("missing")) verdict.missing.push_back(missing.at("rank"));
  return verdict;
}

// What later code indexes by.
void check_places(const ReadFlight& flight) {
  for (const ReadGroup& group : flight.groups) {
    const std::size_t n = group.members.size();
    if (std::find(group.members.begin(), group.members.end(), flight.rank) == group.members.end())
      throw Error(fmt::format("rank {} is no member of its group {}", flight.rank, group.key), "", "");
    if ((!group.sent.empty() && group.sent.size() != n) || (!group.asked.empty() && group.asked.size() != n))
      throw Error(
          fmt::format("group {} counts messages of {} and {} of its {} members", group.key, group.sent.size(), group.asked.size(), n), "",
          "");
  }
  for (const ReadOperation& operation : flight.operations) {
    if (operation.group >= flight.groups.size())
      throw Error(fmt::format("operation {} is of group {} of {}", operation.id, operation.group, flight.groups.size()), "", "");
    if (operation.peer >= static_cast<int>(flight.groups[operation.group].members.size()))
      throw Error(fmt::format("operation {} has the peer {} of a group of {}", operation.id, operation.peer,
                              flight.groups[operation.group].members.size()),
                  "", "");
  }
}

ReadFlight flight_from(const Json& json) {
  if (const std::string found = json.at("schema"); found != schema)
    throw Error(fmt::format("schema '{}' is unknown, this build reads {}", found, schema), "", "");
  const std::int64_t origin = std::stoll(json.at("origin_unix_ns").get<std::string>());
  ReadFlight flight;
  flight.rank = json.at("rank");
  flight.host = json.at("host");
  flight.phase = json.at("phase");
  flight.step = json.at("step");
  flight.written_unix_ns = origin + json.at("written_ns").get<std::int64_t>();
  for (const Json& group : json.at("groups")) flight.groups.push_back(group_from(group));
  for (const Json& operation : json.at("operations")) flight.operations.push_back(operation_from(operation, origin));
  if (const Json& verdict = json.at("verdict"); !verdict.is_null()) {
    flight.verdict = verdict.at("message");
    flight.finder = verdict.at("finder").get<int>();
    flight.found = verdict_from(verdict);
  }
  check_places(flight);
  return flight;
}

}  // namespace

std::string ReadOperation::tensor() const {
  if (shape.empty()) return fmt::format("{} x {}", elements, dtype);
  return fmt::format("{} {}", extents_text(shape), dtype);
}

const ReadOperation* ReadFlight::waits() const {
  for (const ReadOperation& operation : operations)
    if (operation.waits()) return &operation;
  return nullptr;
}

const ReadOperation* ReadFlight::last() const { return operations.empty() ? nullptr : &operations.back(); }

ReadFlight parse_flight(const std::string& text, const std::string& path) {
  const auto refuse = [&](const std::string& why) {
    return Error(fmt::format("this is not a whole flight record: {}", why), path,
                 "records are written whole or not at all, so it was cut or changed later: move it away, and the other ranks are compared",
                 ExitCode::data);
  };
  try {
    return flight_from(parse_shallow<Json>(text));
  } catch (const nlohmann::json::exception& error) {
    throw refuse(error.what());
  } catch (const std::logic_error& error) {  // of stoll
    throw refuse(fmt::format("origin_unix_ns is no number ({})", error.what()));
  } catch (const Error& error) {
    throw refuse(error.problem());
  }
}

}  // namespace ergon
