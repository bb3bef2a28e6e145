// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/saves.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "accounting/report/run_files.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

std::optional<Seconds> median_seconds(std::vector<double> seconds) {
  if (seconds.empty()) return std::nullopt;
  const auto middle = seconds.begin() + std::ssize(seconds) / 2;
  std::nth_element(seconds.begin(), middle, seconds.end());
  return Seconds{*middle};
}

Seconds figure(const nlohmann::json& event, const char* key, const std::string& where) {
  if (event.contains(key) && event[key].is_number()) return {event[key].get<double>()};
  throw Error(fmt::format("this save does not say its '{}'", key), where, "put back a copy of the file", ExitCode::data);
}

}  // namespace

void SaveTally::add(const nlohmann::json& event, const std::string& where) {
  const std::string kind = event.value("event", "");
  if (kind != "step" && kind != "save") return;
  const EventPlace at = place_of(event, where);
  std::map<std::int64_t, double>& steps = undecided_[at.attempt];
  if (kind == "step") {
    if (event.contains("seconds") && event["seconds"].is_number()) steps[at.step] = event["seconds"].get<double>();
    return;
  }
  const Seconds blocked = figure(event, "blocked", where), written = figure(event, "write", where);
  const bool beside = written.value > 0;
  ++(beside ? cost_.beside : cost_.blocking);
  (beside ? cost_.blocked : cost_.blocking_seconds) += blocked;
  if (beside) cost_.written += written;
  // The line of a save stands where it was committed: the steps since the one that it holds were done beside it.
  for (const auto& [step, seconds] : steps) (beside && step > at.step ? beside_ : alone_).push_back(seconds);
  steps.clear();
}

SaveCost SaveTally::cost() const {
  SaveCost cost = cost_;
  std::vector<double> alone = alone_;
  for (const auto& [attempt, steps] : undecided_)
    for (const auto& [step, seconds] : steps) alone.push_back(seconds);
  cost.steps_beside = std::ssize(beside_);
  cost.step_beside = median_seconds(beside_);
  cost.step_alone = median_seconds(alone);
  return cost;
}

std::string saves_text(const SaveCost& cost) {
  std::string text;
  if (cost.blocking > 0)
    text += fmt::format("  blocking     {}: training stood still for {:.2f} s\n", cost.blocking, cost.blocking_seconds.value);
  if (cost.beside > 0)
    text += fmt::format("  beside steps {}: training stood still for {:.2f} s of {:.2f} s of writing\n", cost.beside, cost.blocked.value,
                        cost.written.value);
  if (cost.step_beside && cost.step_alone)
    text +=
        fmt::format("  a step       {:.3f} s beside a save ({} of them), {:.3f} s alone: {:.2f} times as long\n", cost.step_beside->value,
                    cost.steps_beside, cost.step_alone->value, cost.step_beside->value / cost.step_alone->value);
  return text.empty() ? text : "\nSaves\n" + text;
}

nlohmann::ordered_json saves_json(const SaveCost& cost) {
  const auto seconds = [](const std::optional<Seconds>& value) { return value ? nlohmann::ordered_json(value->value) : nullptr; };
  return {{"blocking", cost.blocking},
          {"blocking_seconds", cost.blocking_seconds.value},
          {"beside", cost.beside},
          {"blocked_seconds", cost.blocked.value},
          {"write_seconds", cost.written.value},
          {"steps_beside", cost.steps_beside},
          {"step_seconds_beside", seconds(cost.step_beside)},
          {"step_seconds_alone", seconds(cost.step_alone)}};
}

}  // namespace ergon
