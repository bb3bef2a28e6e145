// SPDX-License-Identifier: Apache-2.0
#include "accounting/ledger.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <tuple>

#include "configs/error.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;
constexpr const char* schema = "ergon.ledger.v1";

std::int64_t whole_number(const Json& text) {
  const std::string digits = text.get<std::string>();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) throw Error(fmt::format("'{}' is not a whole number", digits), "", "");
  return value;
}

Json to_json(const FlopTally& tally) {
  Json model = Json::object();
  for (const auto& [id, flops] : tally.model) model[id] = to_decimal(flops);
  return {{"model", model}, {"gemm", to_decimal(tally.gemm)}, {"attention", to_decimal(tally.attention)}};
}

FlopTally tally_of(const Json& json) {
  FlopTally tally;
  for (const auto& [id, flops] : json.at("model").items()) tally.model[id] = parse_decimal(flops.get<std::string>());
  tally.gemm = parse_decimal(json.at("gemm").get<std::string>());
  tally.attention = parse_decimal(json.at("attention").get<std::string>());
  return tally;
}

Json to_json(const ParameterCounts& counts) {
  return {{"total", counts.total},   {"embedding", counts.embedding}, {"non_embedding", counts.non_embedding},
          {"matmul", counts.matmul}, {"positions", counts.positions}, {"token_table", counts.token_table}};
}

ParameterCounts parameters_of(const Json& json) {
  return {json.at("total"),  json.at("embedding"), json.at("non_embedding"),
          json.at("matmul"), json.at("positions"), json.at("token_table")};
}

Json to_json(const AttemptStart& start) {
  Json changes = Json::array();
  for (const ConfigChange& change : start.changes)
    changes.push_back({{"key", change.key}, {"before", change.before}, {"after", change.after}});
  Json line = {{"schema", schema},
               {"kind", "attempt"},
               {"attempt", start.attempt},
               {"parent", start.parent},
               {"resumed_step", start.resumed_step},
               {"mesh", start.mesh},
               {"world_size", start.world_size},
               {"device", start.device},
               {"devices", start.devices},
               {"peak", start.peak.value},
               {"peak_source", start.peak_source},
               {"parameters", to_json(start.parameters)},
               {"torn_lines", start.torn_lines},
               {"changes", changes}};
  for (const MeasuredChoice& m : start.measured)
    line["measured"].push_back({{"what", m.what}, {"choice", m.choice}, {"seconds", m.seconds.value}});
  return line;
}

AttemptStart attempt_of(const Json& json) {
  AttemptStart start{.attempt = json.at("attempt"),
                     .parent = json.at("parent"),
                     .resumed_step = json.at("resumed_step"),
                     .mesh = json.at("mesh"),
                     .world_size = json.at("world_size"),
                     .device = json.at("device"),
                     .devices = json.at("devices"),
                     .peak = {json.at("peak").get<double>()},
                     .peak_source = json.at("peak_source"),
                     .parameters = parameters_of(json.at("parameters")),
                     .torn_lines = json.at("torn_lines"),
                     .changes = {},
                     .measured = {}};
  for (const Json& change : json.at("changes")) start.changes.push_back({change.at("key"), change.at("before"), change.at("after")});
  if (json.contains("measured"))
    for (const Json& m : json.at("measured")) start.measured.push_back({m.at("what"), m.at("choice"), {m.at("seconds").get<double>()}});
  return start;
}

Json to_json(const Interval& interval) {
  Json communication = Json::array();
  for (const CommunicationRow& row : interval.communication) {
    communication.push_back({{"group", row.group},
                             {"operation", row.operation},
                             {"calls", row.calls},
                             {"bytes", fmt::format("{}", row.bytes.value)},
                             {"seconds", row.seconds.value},
                             {"exposed", row.exposed.value}});
  }
  const TimeSplit& seconds = interval.seconds;
  return {{"schema", schema},
          {"kind", "interval"},
          {"attempt", interval.attempt},
          {"from_step", interval.from_step},
          {"to_step", interval.to_step},
          {"tokens", fmt::format("{}", interval.tokens.value)},
          {"valid_tokens", fmt::format("{}", interval.valid_tokens.value)},
          {"training", to_json(interval.training)},
          {"evaluation", to_json(interval.evaluation)},
          {"seconds",
           {{"step", seconds.step.value},
            {"data_wait", seconds.data_wait.value},
            {"evaluation", seconds.evaluation.value},
            {"checkpoint", seconds.checkpoint.value},
            {"startup", seconds.startup.value}}},
          {"communication", communication}};
}

Interval interval_of(const Json& json) {
  const Json& seconds = json.at("seconds");
  const auto split = [&](const char* kind) { return Seconds{seconds.at(kind).get<double>()}; };
  Interval interval{.attempt = json.at("attempt"),
                    .from_step = json.at("from_step"),
                    .to_step = json.at("to_step"),
                    .tokens = {whole_number(json.at("tokens"))},
                    .valid_tokens = {whole_number(json.at("valid_tokens"))},
                    .training = tally_of(json.at("training")),
                    .evaluation = tally_of(json.at("evaluation")),
                    .seconds = {split("step"), split("data_wait"), split("evaluation"), split("checkpoint"), split("startup")},
                    .communication = {}};
  for (const Json& row : json.at("communication")) {
    interval.communication.push_back({row.at("group"),
                                      row.at("operation"),
                                      row.at("calls"),
                                      {whole_number(row.at("bytes"))},
                                      {row.at("seconds").get<double>()},
                                      {row.at("exposed").get<double>()}});
  }
  return interval;
}

Json to_json(const Abandon& abandon) {
  return {{"schema", schema}, {"kind", "abandon"}, {"attempt", abandon.attempt}, {"from_step", abandon.from_step}};
}

LedgerLine line_of(const Json& json) {
  const std::string found = json.at("schema");
  if (found != schema) throw Error(fmt::format("schema '{}' is unknown, this build reads {}", found, schema), "", "");
  const std::string kind = json.at("kind");
  if (kind == "attempt") return attempt_of(json);
  if (kind == "interval") return interval_of(json);
  if (kind == "abandon") return Abandon{.attempt = json.at("attempt"), .from_step = json.at("from_step")};
  throw Error(fmt::format("kind '{}' is none of attempt, interval, abandon", kind), "", "");
}

LedgerLine parse_line(std::string_view text, const std::string& where) {
  const auto refuse = [&](const std::string& why) {
    return Error(fmt::format("this is not a line of a ledger: {}", why), where,
                 "the ledger was edited or damaged: put back a copy of it, or start the run afresh in another folder", ExitCode::data);
  };
  try {
    return line_of(Json::parse(text));
  } catch (const nlohmann::json::exception& error) {
    throw refuse(error.what());
  } catch (const Error& error) {
    throw refuse(error.problem());
  }
}

}  // namespace

FlopTally& FlopTally::operator+=(const FlopTally& other) {
  for (const auto& [id, flops] : other.model) model[id] += flops;
  gemm += other.gemm;
  attention += other.attention;
  return *this;
}

TimeSplit& TimeSplit::operator+=(const TimeSplit& other) {
  step += other.step;
  data_wait += other.data_wait;
  evaluation += other.evaluation;
  checkpoint += other.checkpoint;
  startup += other.startup;
  return *this;
}

std::vector<CommunicationRow> merge(std::vector<CommunicationRow> a, const std::vector<CommunicationRow>& b) {
  a.insert(a.end(), b.begin(), b.end());
  std::stable_sort(a.begin(), a.end(),
                   [](const auto& x, const auto& y) { return std::tie(x.group, x.operation) < std::tie(y.group, y.operation); });
  std::vector<CommunicationRow> merged;
  for (CommunicationRow& row : a) {
    if (merged.empty() || merged.back().group != row.group || merged.back().operation != row.operation) {
      merged.push_back(std::move(row));
      continue;
    }
    merged.back().calls += row.calls;
    merged.back().bytes += row.bytes;
    merged.back().seconds += row.seconds;
    merged.back().exposed += row.exposed;
  }
  return merged;
}

std::string format(const LedgerLine& line) {
  const Json json = std::visit([](const auto& value) { return to_json(value); }, line);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Ledger parse_ledger(std::string_view text, const std::string& source) {
  Ledger ledger;
  for (int number = 1;; ++number) {
    const std::size_t end = text.find('\n', ledger.intact_bytes);
    if (end == std::string_view::npos) break;
    ledger.lines.push_back(parse_line(text.substr(ledger.intact_bytes, end - ledger.intact_bytes), fmt::format("{}:{}", source, number)));
    ledger.intact_bytes = end + 1;
  }
  ledger.torn = ledger.intact_bytes < text.size();
  return ledger;
}

}  // namespace ergon
