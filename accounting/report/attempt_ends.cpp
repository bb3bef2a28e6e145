// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/attempt_ends.hpp"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"

namespace ergon {
namespace {

struct Names {
  EndCause cause;
  const char *key, *text;
};

constexpr std::array names = {
    Names{EndCause::finished, "finished", "reached train.steps"},
    Names{EndCause::saved, "saved", "saved, to be run again"},
    Names{EndCause::saved_on_signal, "saved_on_signal", "saved on a signal"},
    Names{EndCause::saved_before_time, "saved_before_time", "saved before the end of its time"},
    Names{EndCause::saved_preempted, "saved_preempted", "saved on preemption"},
    Names{EndCause::stopped, "stopped", "stopped by a person"},
    Names{EndCause::loss, "loss", "the loss gave out"},
    Names{EndCause::stopped_unsaid, "stopped_unsaid", "stopped by a person, or for its loss"},
    Names{EndCause::budget, "budget", "budget reached"},
    Names{EndCause::failed, "failed", "failed with an error"},
    Names{EndCause::returned, "returned", "went back by itself"},
    Names{EndCause::stuck, "stuck", "stuck: a rank was missing"},
    Names{EndCause::node_failed, "node_failed", "a node failed"},
    Names{EndCause::out_of_memory, "out_of_memory", "out of memory"},
    Names{EndCause::time_limit, "time_limit", "killed at its time limit"},
    Names{EndCause::preempted, "preempted", "preempted, unsaved"},
    Names{EndCause::cancelled, "cancelled", "cancelled, unsaved"},
    Names{EndCause::died, "died", "died without a word"},
    Names{EndCause::open, "open", "no end yet"},
};

const Names& names_of(EndCause cause) {
  for (const Names& row : names)
    if (row.cause == cause) return row;
  throw Bug("a cause without a name");
}

// Builds that wrote no cause had these sentences.
EndCause stopped_by(const std::string& said, const std::string& reason) {
  if (said == "loss" || reason.starts_with("the loss ")) return EndCause::loss;
  return reason.find("on request") != std::string::npos ? EndCause::stopped : EndCause::stopped_unsaid;
}

EndCause cause_of(int code, const std::string& said, const std::string& reason) {
  switch (static_cast<ExitCode>(code)) {
    case ExitCode::ok:
      return EndCause::finished;
    case ExitCode::saved:
      return said == "signal" ? EndCause::saved_on_signal : said == "time" ? EndCause::saved_before_time : EndCause::saved;
    case ExitCode::stopped:
      return stopped_by(said, reason);
    case ExitCode::budget:
      return EndCause::budget;
    default:
      return EndCause::failed;
  }
}

}  // namespace

const char* key(EndCause cause) { return names_of(cause).key; }
const char* text(EndCause cause) { return names_of(cause).text; }

void EndTally::add(const nlohmann::json& event, const std::string& where) {
  if (event.value("event", "") != "end") return;
  try {
    ended_[event.at("attempt").get<std::int64_t>()] =
        cause_of(event.at("code").get<int>(), event.value("cause", ""), event.value("reason", ""));
  } catch (const nlohmann::json::exception& error) {
    throw Error(fmt::format("this end does not say of which attempt and with which code: {}", error.what()), where,
                "put back a copy of the file", ExitCode::data);
  }
}

void EndTally::add_result(const nlohmann::json& result) {
  const auto end = ended_.find(result.value("attempt", std::int64_t{0}));
  if (end != ended_.end() && end->second == EndCause::stopped_unsaid) end->second = stopped_by("", result.value("reason", ""));
}

std::vector<EndCause> EndTally::causes(const LedgerSummary& ledger, const std::function<bool(std::int64_t attempt)>& has_flight) const {
  std::vector<EndCause> causes;
  for (const AttemptSummary& attempt : ledger.attempts) {
    const bool newest = &attempt == &ledger.attempts.back();
    if (const auto end = ended_.find(attempt.start.attempt); end != ended_.end())
      causes.push_back(end->second);
    else if (attempt.returned)
      causes.push_back(EndCause::returned);
    else if (has_flight(attempt.start.attempt))
      causes.push_back(EndCause::stuck);
    else
      causes.push_back(newest ? EndCause::open : EndCause::died);
  }
  return causes;
}

EndCause refined(EndCause cause, const std::string& job_state) {
  const auto is = [&](const char* state) { return job_state.starts_with(state); };
  if (is("PREEMPTED") && (cause == EndCause::saved || cause == EndCause::saved_on_signal)) return EndCause::saved_preempted;
  const bool silent = cause == EndCause::died || cause == EndCause::open;
  if (is("NODE_FAIL") && (silent || cause == EndCause::stuck)) return EndCause::node_failed;
  if (!silent) return cause;
  if (is("OUT_OF_MEMORY")) return EndCause::out_of_memory;
  if (is("TIMEOUT")) return EndCause::time_limit;
  if (is("PREEMPTED")) return EndCause::preempted;
  if (is("CANCELLED")) return EndCause::cancelled;
  return cause;
}

}  // namespace ergon
