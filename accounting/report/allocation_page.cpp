// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/allocation_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ranges>
#include <set>

#include "accounting/report/figures.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;

const char* meaning(AllocationSource source) {
  switch (source) {
    case AllocationSource::booked:
      return "of the ledger alone (attempts of a build before stamps: time between lines is missing)";
    case AllocationSource::stamps:
      return "by the run's own clock";
    case AllocationSource::sacct:
      return "by Slurm's accounts (sacct)";
  }
  return "";
}

std::string sources(const RunAllocation& allocation) {
  std::set<AllocationSource> seen;
  for (const AttemptAllocation& attempt : allocation.attempts) seen.insert(attempt.source);
  std::string text;
  for (const AllocationSource source : seen) text += (text.empty() ? "" : "; ") + std::string(meaning(source));
  return text;
}

std::string range(std::int64_t least, std::int64_t most) {
  return least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most);
}

// Of attempts that differ, from the least to the most.
std::string places(const RunAllocation& allocation) {
  const auto of = [](const AttemptAllocation& attempt) { return attempt.places; };
  const auto idle_of = [](const AttemptAllocation& attempt) { return attempt.places - attempt.ranks; };
  const auto [least, most] = std::ranges::minmax(allocation.attempts | std::views::transform(of));
  const auto [least_idle, most_idle] = std::ranges::minmax(allocation.attempts | std::views::transform(idle_of));
  const std::string text = range(least, most) + " places";
  return most_idle == 0 ? text : fmt::format("{}, {} idle", text, range(least_idle, most_idle));
}

std::string restarts(const RunAllocation& allocation) {
  if (allocation.restarts.empty()) return "none";
  std::int64_t all = 0;
  std::string text;
  for (const auto& [cause, count] : allocation.restarts) {
    all += count;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, ergon::text(cause));
  }
  return fmt::format("{}: {}", all, text);
}

Json seconds_json(const DeviceSeconds& seconds) {
  return {{"allocated", seconds.allocated.value},
          {"useful", seconds.useful.value},
          {"lost", seconds.lost.value},
          {"data_wait", seconds.data_wait.value},
          {"evaluation", seconds.evaluation.value},
          {"checkpoint", seconds.checkpoint.value},
          {"startup", seconds.startup.value},
          {"idle", seconds.idle.value},
          {"unknown", seconds.unknown.value}};
}

Json attempt_json(const AttemptAllocation& attempt) {
  Json json = {{"attempt", attempt.attempt},
               {"source", name(attempt.source)},
               {"places", attempt.places},
               {"ranks", attempt.ranks},
               {"held_seconds", attempt.held.value},
               {"at_least", attempt.at_least},
               {"end", key(attempt.end)},
               {"device_seconds", seconds_json(attempt.seconds)}};
  if (!attempt.job.empty()) json["job"] = attempt.job;
  if (attempt.queue_wait) json["queue_wait_seconds"] = attempt.queue_wait->value;
  return json;
}

}  // namespace

std::string allocation_text(const RunAllocation& allocation) {
  const DeviceSeconds& all = allocation.total;
  std::string text = fmt::format("\nTime of devices, allocated: {}{} ({}; {})\n", allocation.at_least ? "at least " : "",
                                 clock(all.allocated), places(allocation), sources(allocation));
  const auto line = [&](const char* label, const std::string& value) { text += fmt::format("  {:<12} {}\n", label, value); };
  const auto part = [&](const char* label, Seconds seconds) {
    const double whole = all.allocated.value;
    line(label, fmt::format("{:>14} {:>8}", clock(seconds), whole > 0 ? percent(seconds.value / whole) : "-"));
  };
  part("useful", all.useful);
  part("lost", all.lost);
  part("data wait", all.data_wait);
  part("evaluation", all.evaluation);
  part("checkpoint", all.checkpoint);
  part("start-up", all.startup);
  part("idle", all.idle);
  part("unknown", all.unknown);
  const auto goodput = allocation.goodput_of_time();
  line("goodput", goodput ? percent(*goodput) + " of time: useful / allocated" : "nothing was allocated");
  line("queue wait", allocation.queue_wait ? clock(*allocation.queue_wait) : no_queue_wait);
  line("restarts", restarts(allocation));
  const auto starts = [](std::int64_t count) { return count == 1 ? std::string("1 start") : fmt::format("{} starts", count); };
  if (allocation.silent_starts > 0)
    line("silent", fmt::format("{} of a job came to no attempt: unknown time", starts(allocation.silent_starts)));
  if (allocation.uncounted_starts > 0)
    line("silent", fmt::format("{} of a job came to no attempt, and no figure has them", starts(allocation.uncounted_starts)));
  return text;
}

nlohmann::ordered_json allocation_json(const RunAllocation& allocation) {
  const auto goodput = allocation.goodput_of_time();
  Json restarts = Json::object(), attempts = Json::array();
  for (const auto& [cause, count] : allocation.restarts) restarts[key(cause)] = count;
  for (const AttemptAllocation& attempt : allocation.attempts) attempts.push_back(attempt_json(attempt));
  return {{"device_seconds", seconds_json(allocation.total)},
          {"at_least", allocation.at_least},
          {"goodput_of_time", goodput ? Json(*goodput) : Json(nullptr)},
          {"queue_wait_seconds", allocation.queue_wait ? Json(allocation.queue_wait->value) : Json(nullptr)},
          {"restarts", restarts},
          {"silent_starts", allocation.silent_starts},
          {"uncounted_starts", allocation.uncounted_starts},
          {"attempts", attempts}};
}

}  // namespace ergon
