// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/watch_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "accounting/conventions.hpp"
#include "launch/runs/rank_logs.hpp"

namespace ergon {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kept_notes = 20, kept_log_lines = 100;

std::int64_t whole(const json& event, const char* key) { return event.value(key, std::int64_t{0}); }

double number_or_nan(const json& event, const char* key) {
  const auto found = event.find(key);
  return found != event.end() && found->is_number() ? found->get<double>() : std::numeric_limits<double>::quiet_NaN();
}

std::optional<PairCount> pairs_of(const json& event) {
  if (!event.contains("visible_pairs")) return {};
  return PairCount{whole(event, "visible_pairs"), whole(event, "computed_pairs")};
}

// An event that this program has no words for.
std::string fields_of(const json& event) {
  json rest = event;
  rest.erase("event");
  rest.erase("attempt");
  return fmt::format("{} {}", event.value("event", ""), rest.dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string in_words(const std::string& kind, const json& event) {
  const std::int64_t step = whole(event, "step");
  if (kind == "save_failed") return fmt::format("step {}: NOT saved: {}", step, event.value("why", ""));
  if (kind == "return") return fmt::format("step {}: back to step {}: {}", step, whole(event, "to_step"), event.value("why", ""));
  if (kind == "straggler")
    return fmt::format("step {}: rank {} on {} keeps the others waiting: busy {:.2f} times as long", step, whole(event, "rank"),
                       event.value("host", ""), event.value("ratio", 0.0));
  if (kind == "end")
    return fmt::format("step {}: attempt {} ended with {}: {}", step, whole(event, "attempt"), whole(event, "code"),
                       event.value("reason", ""));
  return fields_of(event);
}

}  // namespace

void Curve::add(std::int64_t step, double value) {
  steps.push_back(step);
  values.push_back(value);
}

void Curve::cut_after(std::int64_t step) {
  const auto keep = std::ranges::upper_bound(steps, step) - steps.begin();
  steps.resize(static_cast<std::size_t>(keep));
  values.resize(static_cast<std::size_t>(keep));
}

WatchReader::WatchReader(const std::string& folder)
    : folder_(folder), status_(folder, [this](const json& event) { take(event); }), ledger_(folder + "/ledger.jsonl") {}

const WatchView& WatchReader::read(std::size_t limit) {
  view_.status = status_.read(limit);
  view_.share_read = status_.share_read();
  read_ledger();  // behind the events: it has booked all attempts before the newest that they name
  show_costs();
  view_.notes.assign(notes_.begin(), notes_.end());
  std::error_code ignored;
  const fs::file_time_type written = fs::last_write_time(folder_ + "/events.jsonl", ignored);
  view_.quiet.reset();
  if (!ignored) view_.quiet = Seconds{std::max(0.0, std::chrono::duration<double>(fs::file_time_type::clock::now() - written).count())};
  show_processes();
  show_log();
  return view_;
}

void WatchReader::take(const json& event) {
  const std::string kind = event.value("event", "");
  if (kind == "attempt") {
    begin(event);
  } else if (kind == "step") {
    view_.losses.add(whole(event, "step"), number_or_nan(event, "loss"));
    ++work_.steps;
    add_pairs(work_.step_pairs, pairs_of(event));
  } else if (kind == "evaluation") {
    view_.validation.add(whole(event, "step"), number_or_nan(event, "loss"));
    work_.evaluated_sequences += whole(event, "sequences");
    add_pairs(work_.evaluated_pairs, pairs_of(event));
  } else if (kind == "save") {
    ++view_.saves;
    view_.newest_save = {whole(event, "step"), {event.value("seconds", 0.0)}, {event.value("blocked", 0.0)}};
  } else if (kind != "audit" && kind != "data") {
    if (kind == "save_failed") ++view_.failed_saves;
    if (kind == "return") {
      view_.losses.cut_after(whole(event, "to_step"));
      view_.validation.cut_after(whole(event, "to_step"));
    }
    note(in_words(kind, event));
  }
}

void WatchReader::begin(const json& attempt) {
  view_.from_step = whole(attempt, "from_step");
  view_.mesh = attempt.value("mesh", "");
  view_.ranks = whole(attempt, "ranks");
  view_.losses.cut_after(view_.from_step);
  view_.validation.cut_after(view_.from_step);
  work_ = {};
}

void WatchReader::note(const std::string& text) {
  if (notes_.size() == kept_notes) notes_.pop_front();
  notes_.push_back(text);
}

void WatchReader::read_ledger() {
  const std::string place = fmt::format("{}/ledger.jsonl (behind line {})", folder_, ledger_.lines());
  for (const LedgerLine& line : parse_ledger(ledger_.take(), place).lines) {
    if (const auto* interval = std::get_if<Interval>(&line)) {
      for (const FlopTally* tally : {&interval->training, &interval->evaluation})
        if (const auto exact = tally->model.find("exact"); exact != tally->model.end()) booked_[interval->attempt] += exact->second;
    } else if (const auto* start = std::get_if<AttemptStart>(&line)) {
      peak_ = start->peak.value * static_cast<double>(start->devices);
    }
  }
}

Flops WatchReader::spent_in_steps() const {
  const RunConfig& config = *status_.config();
  return flops_by_convention(config.model, {work_.steps * config.train.batch, config.model.sequence, work_.step_pairs}).at("exact");
}

Flops WatchReader::spent_in_evaluations() const {
  const RunConfig& config = *status_.config();
  return flops_by_convention(config.model, {work_.evaluated_sequences, config.model.sequence, work_.evaluated_pairs}, Pass::evaluation)
      .at("exact");
}

// Of the newest attempt what its events say, because the ledger gains a line at a save only; of those before, what was booked.
void WatchReader::show_costs() {
  Flops spent = {};
  for (const auto& [attempt, flops] : booked_)
    if (attempt != view_.status.attempt) spent += flops;
  view_.mfu.reset();
  if (status_.config() != nullptr && work_.steps > 0) {
    const Flops training = spent_in_steps();
    const RunConfig& config = *status_.config();
    const double tokens = static_cast<double>(work_.steps * config.train.batch * config.model.sequence);
    if (peak_ > 0 && view_.status.tokens_per_second > 0) view_.mfu = to_double(training) / tokens * view_.status.tokens_per_second / peak_;
    spent += training;
  }
  if (status_.config() != nullptr && work_.evaluated_sequences > 0) spent += spent_in_evaluations();
  view_.spent = to_pfs_days(spent);
}

void WatchReader::show_processes() {
  const auto& rank_zero = view_.status.rank_zero;
  view_.ranks_visible = rank_zero && state_of(*rank_zero) != ProcessState::unknown;
  view_.processes.clear();
  if (view_.ranks_visible) view_.processes = processes_.look(rank_zero->pid);
  view_.started_here = view_.ranks_visible ? processes_.started_here() : std::nullopt;
}

void WatchReader::show_log() {
  view_.log.clear();
  view_.log_name.clear();
  const std::string start = newest_start(folder_);
  if (start.empty()) return;
  const auto files = rank_files(start);
  const auto rank_zero = files.find(0);
  if (rank_zero == files.end()) return;
  const auto written = [](const std::string& path) {
    std::error_code none;
    return fs::last_write_time(path, none);
  };
  const std::string newest = std::ranges::max(rank_zero->second, {}, written);
  view_.log_name = fs::path(newest).lexically_relative(folder_).string();
  view_.log = last_lines(newest, kept_log_lines);
}

}  // namespace ergon
