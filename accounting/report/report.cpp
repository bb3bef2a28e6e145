// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "accounting/report/allocation_page.hpp"
#include "accounting/report/run_files.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

using PlainJson = nlohmann::json;

// Of the kept lineage, so it is the newest that tells: later attempts count on from what they resumed.
void book_sources(RunReport& report, const PlainJson& event, const std::string& where) {
  const EventPlace at = place_of(event, where);
  const AttemptSummary* attempt = find_attempt(report.ledger, at.attempt);
  if (attempt == nullptr || !(is_kept(*attempt, at.step) || at.step == attempt->kept_from)) return;
  try {
    report.padding = event.at("padding");
    report.sources.clear();
    for (const PlainJson& source : event.at("sources"))
      report.sources.push_back({source.at("name"), source.at("tokens"), source.at("unique_tokens"), source.at("epochs")});
  } catch (const PlainJson::exception& error) {
    throw Error(fmt::format("this event does not say what was had of each source: {}", error.what()), where, "put back a copy of the file",
                ExitCode::data);
  }
}

// One line of events.jsonl, of any event.
void book_event(RunReport& report, const PlainJson& event, const std::string& where) {
  const std::string kind = event.value("event", "");
  if (kind == "data") return book_sources(report, event, where);
  if (kind != "step" && kind != "evaluation") return;
  const EventPlace at = place_of(event, where);
  const AttemptSummary* attempt = find_attempt(report.ledger, at.attempt);
  if (attempt == nullptr) return;
  if (kind == "step" && at.step > attempt->last_step) ++report.unbooked_steps;
  if (!is_kept(*attempt, at.step) || !event.contains("loss") || !event["loss"].is_number()) return;
  std::optional<LossPoint>& latest = kind == "step" ? report.training_loss : report.validation_loss;
  if (!latest || latest->step <= at.step) latest = LossPoint{at.step, event["loss"]};
}

void read_events(RunReport& report, const std::string& path, const std::filesystem::path& flight, const PlainJson& result) {
  SaveTally saves;
  EndTally ends;
  for_each_event(text_if_there(path).value_or(""), path, [&](const PlainJson& event, const std::string& where) {
    book_event(report, event, where);
    saves.add(event, where);
    ends.add(event, where);
  });
  ends.add_result(result);
  report.ends = ends.causes(report.ledger,
                            [&](std::int64_t attempt) { return std::filesystem::exists(flight / fmt::format("attempt_{:04}", attempt)); });
  report.saves = saves.cost();
  if (!report.saves.step_beside) report.reason["saves.step_seconds_beside"] = "no step in events.jsonl was done beside a save";
  if (!report.saves.step_alone) report.reason["saves.step_seconds_alone"] = "no step in events.jsonl was done without a save beside it";
  if (!report.training_loss) report.reason["loss.training"] = "no step of the kept lineage is in events.jsonl";
  if (report.sources.empty()) report.reason["data"] = "no data event of the kept lineage is in events.jsonl";
  if (!report.validation_loss) report.reason["loss.validation"] = "no evaluation of the kept lineage is in events.jsonl";
}

// An empty object when the run has not ended.
PlainJson read_result(RunReport& report, const std::string& path) {
  const std::optional<std::string> text = text_if_there(path);
  if (!text) {
    report.reason["outcome"] = "there is no result.json: the run has not ended, or its process was killed";
    return PlainJson::object();
  }
  PlainJson result = parse_object(*text, path);
  report.outcome = result.value("reason", std::string("ended"));
  if (result.contains("step") && result["step"].is_number_integer())
    report.outcome += fmt::format(" at step {}", result["step"].get<std::int64_t>());
  if (result.contains("code") && result["code"].is_number_integer())
    report.outcome += fmt::format(" (exit code {})", result["code"].get<int>());
  return result;
}

// FLOPs that the devices could have done while training; empty, with the reason, when one attempt's peak is unknown.
std::optional<double> available_flops(const LedgerSummary& ledger, std::string& why) {
  double available = 0;
  for (const AttemptSummary& attempt : ledger.attempts) {
    const double seconds = attempt.spent.seconds.training().value;
    if (seconds == 0) continue;
    if (attempt.start.peak.value == 0) {
      why = attempt.start.peak_source.empty() ? "peak unknown: name the device in accounting.peak"
                                              : fmt::format("peak unknown: {}", attempt.start.peak_source);
      return std::nullopt;
    }
    available += attempt.start.peak.value * static_cast<double>(attempt.start.devices) * seconds;
  }
  if (available > 0) return available;
  why = "no training time was booked";
  return std::nullopt;
}

void derive(RunReport& report) {
  const Tally& spent = report.ledger.spent;
  const double seconds = spent.seconds.training().value;
  if (seconds > 0) {
    report.tokens_per_second = static_cast<double>(spent.tokens.value) / seconds;
  } else {
    report.reason["tokens_per_second"] = "no training time was booked";
  }
  std::string why;
  const std::optional<double> available = available_flops(report.ledger, why);
  const auto fraction = [&](const std::string& key, Flops flops) -> std::optional<double> {
    if (available) return to_double(flops) / *available;
    report.reason[key] = why;
    return std::nullopt;
  };
  for (const auto& [id, flops] : spent.training.model) {
    report.mfu[id] = fraction("mfu." + id, flops);
    report.hfu[id] = fraction("hfu." + id, spent.training.hardware());
  }
}

}  // namespace

RunReport read_run(const std::string& folder) {
  const std::filesystem::path root(folder);
  const std::string source = (root / "ledger.jsonl").string();
  const std::optional<std::string> text = text_if_there(source);
  if (!text) {
    throw Error(fmt::format("there is no ledger.jsonl in '{}'", folder), folder, "name the run.folder of a training run", ExitCode::data);
  }
  RunReport report;
  report.run = folder;
  report.ledger = summarise(parse_ledger(*text, source), source);
  if (report.ledger.attempts.empty()) {
    throw Error("the ledger holds no attempt: the run never started", source, "name another run, or start this one with `ergon train`",
                ExitCode::data);
  }
  report.config = text_if_there(root / "config.toml").value_or("");
  const PlainJson result = read_result(report, (root / "result.json").string());
  read_events(report, (root / "events.jsonl").string(), root / "flight", result);
  derive(report);
  use_job_records(report, {});
  return report;
}

std::vector<std::string> jobs_of(const RunReport& run) {
  std::vector<std::string> jobs;
  for (const AttemptSummary& attempt : run.ledger.attempts)
    if (const auto& stamp = attempt.start.allocation; stamp && !stamp->job.empty() && std::ranges::find(jobs, stamp->job) == jobs.end())
      jobs.push_back(stamp->job);
  return jobs;
}

void use_job_records(RunReport& run, const std::vector<JobRecord>& records) {
  run.allocation = allocate(run.ledger, run.ends, records);
  if (!run.allocation.queue_wait) run.reason["allocation.queue_wait_seconds"] = no_queue_wait;
  if (run.allocation.queue_wait) run.reason.erase("allocation.queue_wait_seconds");
  if (!run.allocation.goodput_of_time()) run.reason["allocation.goodput_of_time"] = "nothing was allocated";
  if (run.allocation.goodput_of_time()) run.reason.erase("allocation.goodput_of_time");
}

}  // namespace ergon
