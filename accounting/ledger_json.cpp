// SPDX-License-Identifier: Apache-2.0
#include "accounting/ledger_json.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>

#include "configs/error.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;
constexpr const char* schema = "ergon.ledger.v2";

template <typename Archive>
void fields(Archive& field, FlopTally& tally) {
  field("model", tally.model);
  field("gemm", tally.gemm);
  field("attention", tally.attention);
}

template <typename Archive>
void fields(Archive& field, TimeSplit& seconds) {
  field("step", seconds.step);
  field("data_wait", seconds.data_wait);
  field("evaluation", seconds.evaluation);
  field("checkpoint", seconds.checkpoint);
  field("startup", seconds.startup);
}

template <typename Archive>
void fields(Archive& field, CommunicationRow& row) {
  field("group", row.group);
  field("operation", row.operation);
  field("calls", row.calls);
  field("bytes", row.bytes);
  field("seconds", row.seconds);
  field("exposed", row.exposed);
}

template <typename Archive>
void fields(Archive& field, ParameterCounts& counts) {
  field("total", counts.total);
  field("embedding", counts.embedding);
  field("non_embedding", counts.non_embedding);
  field("matmul", counts.matmul);
  field("positions", counts.positions);
  field("token_table", counts.token_table);
}

template <typename Archive>
void fields(Archive& field, CommunicationVolume& volume) {
  field("group", volume.group);
  field("operation", volume.operation);
  field("calls", volume.calls);
  field("bytes", volume.bytes);
}

template <typename Archive>
void fields(Archive& field, ConfigChange& change) {
  field("key", change.key);
  field("before", change.before);
  field("after", change.after);
}

template <typename Archive>
void fields(Archive& field, MeasuredChoice& choice) {
  field("what", choice.what);
  field("choice", choice.choice);
  field("seconds", choice.seconds);
}

template <typename Archive>
void fields(Archive& field, AllocationStamp& stamp) {
  field("started", stamp.started);
  field("places", stamp.places);
  field("job", stamp.job);
  field("restarts", stamp.restarts);
  field("job_submitted", stamp.job_submitted);
  field("job_started", stamp.job_started);
}

template <typename Archive>
void fields(Archive& field, RankSkew& skew) {
  field("steps", skew.steps);
  field("min", skew.least);
  field("median", skew.median);
  field("max", skew.most);
  field("ratio", skew.ratio);
  field("slowest", skew.slowest);
  field("host", skew.host);
}

template <typename Archive>
void fields(Archive& field, AttemptStart& start) {
  field("attempt", start.attempt);
  field("parent", start.parent);
  field("resumed_step", start.resumed_step);
  field("mesh", start.mesh);
  field("world_size", start.world_size);
  field("device", start.device);
  field("devices", start.devices);
  field("peak", start.peak);
  field("peak_source", start.peak_source);
  field("parameters", start.parameters);
  field("torn_lines", start.torn_lines);
  field("changes", start.changes);
  field.unless_empty("measured", start.measured);
  field.if_known("allocation", start.allocation);
}

template <typename Archive>
void fields(Archive& field, Interval& interval) {
  field("attempt", interval.attempt);
  field("from_step", interval.from_step);
  field("to_step", interval.to_step);
  field("tokens", interval.tokens);
  field("valid_tokens", interval.valid_tokens);
  field("training", interval.training);
  field("evaluation", interval.evaluation);
  field("seconds", interval.seconds);
  field("communication", interval.communication);
  field.if_known("predicted", interval.predicted);
  field.if_known("skew", interval.skew);
  field.unless_zero("closed", interval.closed);
}

template <typename Archive>
void fields(Archive& field, Abandon& abandon) {
  field("attempt", abandon.attempt);
  field("from_step", abandon.from_step);
}

constexpr const char* kind_of(const AttemptStart&) { return "attempt"; }
constexpr const char* kind_of(const Interval&) { return "interval"; }
constexpr const char* kind_of(const Abandon&) { return "abandon"; }

template <typename T>
constexpr bool is_plain = std::is_same_v<T, std::string> || std::is_same_v<T, std::int64_t> || std::is_same_v<T, double>;
template <typename T>
constexpr bool is_real = std::is_same_v<T, Seconds> || std::is_same_v<T, FlopsPerSecond>;
template <typename T>
constexpr bool is_exact = std::is_same_v<T, Tokens> || std::is_same_v<T, Bytes>;
template <typename T>
constexpr bool is_list = false;
template <typename T>
constexpr bool is_list<std::vector<T>> = true;

template <typename T>
Json written(T value);

struct Writer {
  Json json = Json::object();
  template <typename T>
  void operator()(const char* key, const T& value) {
    json[key] = written(value);
  }
  template <typename T>
  void unless_empty(const char* key, const std::vector<T>& value) {
    if (!value.empty()) json[key] = written(value);
  }
  template <typename T>
  void if_known(const char* key, const std::optional<T>& value) {
    if (value) json[key] = written(*value);
  }
  void unless_zero(const char* key, Seconds value) {
    if (value.value != 0) json[key] = value.value;
  }
};

template <typename T>
Json written(T value) {
  if constexpr (is_plain<T>) {
    return value;
  } else if constexpr (is_real<T>) {
    return value.value;
  } else if constexpr (is_exact<T>) {
    return fmt::format("{}", value.value);
  } else if constexpr (std::is_same_v<T, Flops>) {
    return to_decimal(value);
  } else if constexpr (std::is_same_v<T, FlopsById>) {
    Json object = Json::object();
    for (const auto& [id, flops] : value) object[id] = to_decimal(flops);
    return object;
  } else if constexpr (is_list<T>) {
    Json array = Json::array();
    for (const auto& element : value) array.push_back(written(element));
    return array;
  } else {
    Writer writer;
    fields(writer, value);
    return writer.json;
  }
}

std::int64_t whole_number(const std::string& digits) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) throw Error(fmt::format("'{}' is not a whole number", digits), "", "");
  return value;
}

template <typename T>
T read(const Json& json);

struct Reader {
  const Json& json;
  template <typename T>
  void operator()(const char* key, T& value) {
    value = read<T>(json.at(key));
  }
  template <typename T>
  void unless_empty(const char* key, std::vector<T>& value) {
    if (json.contains(key)) value = read<std::vector<T>>(json.at(key));
  }
  template <typename T>
  void if_known(const char* key, std::optional<T>& value) {
    if (json.contains(key)) value = read<T>(json.at(key));
  }
  void unless_zero(const char* key, Seconds& value) {
    if (json.contains(key)) value = read<Seconds>(json.at(key));
  }
};

template <typename T>
T read(const Json& json) {
  if constexpr (is_plain<T>) {
    return json.get<T>();
  } else if constexpr (is_real<T>) {
    return {json.get<double>()};
  } else if constexpr (is_exact<T>) {
    return {whole_number(json.get<std::string>())};
  } else if constexpr (std::is_same_v<T, Flops>) {
    return parse_decimal(json.get<std::string>());
  } else if constexpr (std::is_same_v<T, FlopsById>) {
    FlopsById flops;
    for (const auto& [id, digits] : json.items()) flops[id] = read<Flops>(digits);
    return flops;
  } else if constexpr (is_list<T>) {
    T list;
    for (const Json& element : json) list.push_back(read<typename T::value_type>(element));
    return list;
  } else {
    T value;
    Reader reader{json};
    fields(reader, value);
    return value;
  }
}

}  // namespace

nlohmann::ordered_json json_of(const LedgerLine& line) {
  return std::visit(
      [](const auto& value) {
        Json json = {{"schema", schema}, {"kind", kind_of(value)}};
        json.update(written(value));
        return json;
      },
      line);
}

LedgerLine ledger_line_of(const nlohmann::ordered_json& json) {
  const std::string found = json.at("schema");
  if (found != schema && found != schema_without_checksum)
    throw Error(fmt::format("schema '{}' is unknown, this build reads {} and {}", found, schema_without_checksum, schema), "", "");
  const std::string kind = json.at("kind");
  if (kind == kind_of(AttemptStart())) return read<AttemptStart>(json);
  if (kind == kind_of(Interval())) return read<Interval>(json);
  if (kind == kind_of(Abandon())) return read<Abandon>(json);
  throw Error(fmt::format("kind '{}' is none of attempt, interval, abandon", kind), "", "");
}

nlohmann::ordered_json json_of(const TimeSplit& seconds) { return written(seconds); }
nlohmann::ordered_json json_of(const RankSkew& skew) { return written(skew); }
nlohmann::ordered_json json_of(const std::vector<CommunicationRow>& rows) { return written(rows); }
nlohmann::ordered_json json_of(const std::vector<ConfigChange>& changes) { return written(changes); }

}  // namespace ergon
