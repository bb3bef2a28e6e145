// SPDX-License-Identifier: Apache-2.0
#include "trainer/events.hpp"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/json_checksum.hpp"
#include "configs/shallow_json.hpp"
#include "configs/whole_lines.hpp"

namespace ergon {
namespace {

// JSON has no NaN: a loss that is not finite is written as null and read back as NaN.
struct JsonNumber {
  double value;
};

}  // namespace
}  // namespace ergon

template <>
struct fmt::formatter<ergon::JsonNumber> : fmt::formatter<double> {
  auto format(ergon::JsonNumber number, fmt::format_context& context) const {
    return std::isfinite(number.value) ? fmt::formatter<double>::format(number.value, context) : fmt::format_to(context.out(), "null");
  }
};

namespace ergon {
namespace {

double read_number(const nlohmann::json& value) { return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>(); }

std::optional<PairCount> read_pairs(const nlohmann::json& line) {
  if (!line.contains("visible_pairs")) return {};
  return PairCount{line.at("visible_pairs").get<std::int64_t>(), line.at("computed_pairs").get<std::int64_t>()};
}

StepEvent parse_step(const nlohmann::json& line) {
  StepEvent event;
  event.attempt = line.at("attempt").get<std::int64_t>();
  event.step = line.at("step").get<std::int64_t>();
  event.loss = read_number(line.at("loss"));
  event.grad_norm = read_number(line.at("grad_norm"));
  event.clipped = line.at("clipped").get<bool>();
  event.skipped = line.at("skipped").get<bool>();
  event.lr = line.at("lr").get<double>();
  event.tokens = line.at("tokens").get<std::int64_t>();
  event.valid_tokens = line.at("valid_tokens").get<std::int64_t>();
  event.seconds = line.at("seconds").get<double>();
  event.data_wait = line.at("data_wait").get<double>();
  event.pairs = read_pairs(line);
  return event;
}

void for_each_line(const std::string& text, const std::string& path, const std::function<void(const nlohmann::json&)>& use) {
  const std::size_t whole = whole_lines(text);
  std::size_t begin = 0;
  for (int number = 1; begin < whole; ++number) {
    const std::size_t end = text.find('\n', begin);
    const std::string_view line(text.data() + begin, end - begin);
    const auto refuse = [&](const std::string& why) {
      return Error("this line is not an event: " + why, fmt::format("{}:{}", path, number),
                   "the file was damaged after it was written; restore it from a copy, or start again with --restart", ExitCode::data);
    };
    if (checksum_of(line) == Checksum::broken) throw refuse("its checksum does not match");
    try {
      use(parse_shallow<nlohmann::json>(line));
    } catch (const nlohmann::json::exception& error) {
      throw refuse(error.what());
    }
    begin = end + 1;
  }
}

}  // namespace

void EventLog::step(const StepEvent& event) {
  line_.clear();
  fmt::format_to(
      std::back_inserter(line_),
      R"({{"event":"step","attempt":{},"step":{},"loss":{},"tokens":{},"seconds":{},"grad_norm":{},"clipped":{},"lr":{},"skipped":{},"valid_tokens":{},"data_wait":{})",
      event.attempt, event.step, JsonNumber{event.loss}, event.tokens, JsonNumber{event.seconds}, JsonNumber{event.grad_norm},
      event.clipped, JsonNumber{event.lr}, event.skipped, event.valid_tokens, JsonNumber{event.data_wait});
  if (event.pairs)
    fmt::format_to(std::back_inserter(line_), R"(,"visible_pairs":{},"computed_pairs":{})", event.pairs->visible, event.pairs->computed);
  line_ += '}';
  add_checksum(line_);
  log_.append(line_);
}

void EventLog::put_pairs(nlohmann::json& fields, const std::optional<PairCount>& pairs) {
  if (pairs) fields.update({{"visible_pairs", pairs->visible}, {"computed_pairs", pairs->computed}});
}

void EventLog::add(const std::string& event, std::int64_t attempt, nlohmann::json fields) {
  nlohmann::json line = {{"event", event}, {"attempt", attempt}};
  line.update(fields);
  std::string text = line.dump();
  add_checksum(text);
  log_.append(text);
}

std::map<std::int64_t, StepEvent> loss_curve(const std::string& text, const std::string& path) {
  std::map<std::int64_t, StepEvent> curve;
  for_each_line(text, path, [&](const nlohmann::json& line) {
    const std::string& event = line.at("event").get_ref<const std::string&>();
    if (event == "attempt") curve.erase(curve.upper_bound(line.at("from_step").get<std::int64_t>()), curve.end());
    if (event == "step") curve[line.at("step").get<std::int64_t>()] = parse_step(line);
  });
  return curve;
}

UnbookedEvaluations evaluations_of_attempt(const std::string& text, const std::string& path, std::int64_t attempt, std::int64_t step) {
  UnbookedEvaluations sum;
  bool behind_the_line = false;
  for_each_line(text, path, [&](const nlohmann::json& line) {
    if (line.at("attempt") != attempt) return;
    const std::string& event = line.at("event").get_ref<const std::string&>();
    if (event == "attempt") behind_the_line = line.at("from_step") == step;
    if (event == "save" || event == "save_failed") behind_the_line |= line.at("step") == step;
    if (event != "evaluation") return;
    const std::int64_t at = line.at("step").get<std::int64_t>();
    if (at < step || (at == step && !behind_the_line)) return;
    sum.sequences += line.at("sequences").get<std::int64_t>();
    sum.seconds += line.at("seconds").get<double>();
    add_pairs(sum.pairs, read_pairs(line));
  });
  return sum;
}

std::map<std::int64_t, StepEvent> steps_of_attempt(const std::string& text, const std::string& path, std::int64_t attempt,
                                                   std::int64_t after_step) {
  std::map<std::int64_t, StepEvent> steps;
  for_each_line(text, path, [&](const nlohmann::json& line) {
    if (line.at("event") != "step" || line.at("attempt") != attempt) return;
    const StepEvent event = parse_step(line);
    if (event.step > after_step) steps[event.step] = event;
  });
  return steps;
}

std::string attention_of_attempt(const std::string& text, const std::string& path, std::int64_t attempt) {
  std::string kernel;
  for_each_line(text, path, [&](const nlohmann::json& line) {
    if (line.at("event") == "attempt" && line.at("attempt") == attempt) kernel = line.value("attention", "");
  });
  return kernel;
}

}  // namespace ergon
