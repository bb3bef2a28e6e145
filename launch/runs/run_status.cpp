// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/run_status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "accounting/report/run_files.hpp"
#include "configs/error.hpp"
#include "configs/parse.hpp"
#include "configs/shallow_json.hpp"
#include "trainer/storage.hpp"

namespace ergon {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string launch_folder(const std::string& folder) { return folder + "/launch"; }

// What events.jsonl tells: the newest attempt, its last step, the speed of late, and how often it began in vain.
class EventReader {
 public:
  void operator()(const json& event, const std::string& where) {
    const std::string kind = event.value("event", "");
    if (kind == "attempt") attempt(event, where);
    if (kind == "return") returns_ = true;
    if (kind == "step") step(event, where);
    if (kind == "save") seen_.longest_save = std::max(seen_.longest_save, Seconds{event.value("seconds", 0.0)});
    if (kind == "save" && place_of(event, where).step > from_) seen_.stalled_starts = 0;  // the next one begins further on
    if (kind == "evaluation" && event.contains("loss") && event["loss"].is_number()) seen_.validation_loss = event["loss"].get<double>();
  }

  RunStatus status(std::int64_t steps) const {
    RunStatus status = seen_;
    status.steps = steps;
    Step sum;
    for (const Step& step : recent_) sum = {sum.tokens + step.tokens, sum.seconds + step.seconds, sum.waited + step.waited};
    if (sum.seconds <= 0) return status;
    status.tokens_per_second = sum.tokens / sum.seconds;
    status.data_wait = sum.waited / sum.seconds;
    const double pace = sum.seconds / static_cast<double>(recent_.size());
    status.remaining = Seconds{pace * static_cast<double>(std::max<std::int64_t>(0, steps - status.step))};
    return status;
  }

 private:
  struct Step {
    double tokens = 0, seconds = 0, waited = 0;
  };

  void attempt(const json& event, const std::string& where) {
    const EventPlace place{event.value("attempt", std::int64_t{0}), event.value("from_step", std::int64_t{-1})};
    if (place.step < 0) throw Error("an attempt without from_step", where, "not a file of ergon, or damaged", ExitCode::data);
    if (!returns_) seen_.stalled_starts = place.step == from_ ? seen_.stalled_starts + 1 : 1;
    returns_ = false;
    from_ = place.step;
    seen_.attempt = place.attempt;
    seen_.step = place.step;
    recent_.clear();
  }

  void step(const json& event, const std::string& where) {
    seen_.step = place_of(event, where).step;
    if (event.contains("loss") && event["loss"].is_number()) seen_.loss = event["loss"].get<double>();
    if (recent_.size() == 20) recent_.pop_front();
    recent_.push_back({event.value("tokens", 0.0), event.value("seconds", 0.0), event.value("data_wait", 0.0)});
  }

  RunStatus seen_;
  std::int64_t from_ = -1;
  bool returns_ = false;  // the next attempt is of the same process: no start
  std::deque<Step> recent_;
};

// The newest lock of the folder, when its owner may be alive: the process is there, or its machine is another one and it has written within
// the time after which anybody may take the run.
std::optional<ProcessIdentity> living_owner(const std::string& folder) {
  fs::path newest;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("lock.a") && (newest.empty() || name.size() > newest.filename().string().size() ||
                                       (name.size() == newest.filename().string().size() && name > newest.filename().string())))
      newest = entry.path();
  }
  if (newest.empty()) return std::nullopt;
  const auto text = text_if_there(newest.string());
  const json record = text ? try_parse_shallow<json>(*text) : json();
  if (!record.is_object()) return std::nullopt;
  const ProcessIdentity owner{record.value("host", ""),
                              record.value("boot", ""),
                              record.value("pid_namespace", ""),
                              record.value("pid", std::int64_t{0}),
                              record.value("start", std::int64_t{0}),
                              record.value("job", "")};
  const ProcessState state = state_of(owner);
  if (state == ProcessState::gone) return std::nullopt;
  const auto written = fs::last_write_time(newest, ignored);
  if (ignored || (state == ProcessState::unknown && fs::file_time_type::clock::now() - written > std::chrono::seconds(90)))
    return std::nullopt;
  return owner;
}

std::optional<json> result_if_there(const std::string& folder) {
  const std::string path = folder + "/result.json";
  const auto text = text_if_there(path);
  if (!text) return std::nullopt;
  return parse_object(*text, path);
}

RunOutcome outcome_of(const json& result) { return {result.value("attempt", std::int64_t{0}), result.value("code", 70)}; }

void read_result(RunStatus& status) {
  const auto found = result_if_there(status.folder);
  if (!found) return;
  const json& result = *found;
  const RunOutcome outcome = outcome_of(result);
  status.code = outcome.code;
  status.reason = result.value("reason", "");
  status.attempt = std::max(status.attempt, outcome.attempt);
  status.step = result.value("step", status.step);
  status.steps = result.value("steps", status.steps);
}

void read_job(RunStatus& status) {
  status.job = text_if_there(launch_folder(status.folder) + "/job").value_or("");
  while (!status.job.empty() && status.job.back() == '\n') status.job.pop_back();
}

}  // namespace

struct RunStatusReader::State {
  std::string folder;
  OnEvent on_event;
  LineFollower events;
  EventReader seen = {};
  std::optional<RunConfig> config = {};
  fs::file_time_type config_written = {};

  // An attempt writes it anew, and before its first event.
  void read_config() {
    const std::string path = folder + "/config.toml";
    std::error_code ignored;
    const fs::file_time_type written = fs::last_write_time(path, ignored);
    if (config && written == config_written) return;
    config_written = written;
    if (const auto text = text_if_there(path)) config = parse_run_text(*text, path, {});
  }
};

RunStatusReader::RunStatusReader(std::string folder, OnEvent on_event)
    : state_(new State{folder, std::move(on_event), LineFollower(folder + "/events.jsonl")}) {}

RunStatusReader::~RunStatusReader() = default;

double RunStatusReader::share_read() const { return state_->events.share(); }

const RunConfig* RunStatusReader::config() const { return state_->config ? &*state_->config : nullptr; }

RunStatus RunStatusReader::read(std::size_t limit) {
  const std::string& folder = state_->folder;
  if (!fs::is_directory(folder))
    throw Error("there is no such run folder", folder, "name the folder of a run (run.folder), or the number of a job", ExitCode::data);
  const std::int64_t first_line = state_->events.lines() + 1;
  const std::string events = state_->events.take(limit);
  state_->read_config();
  const auto use = [&](const json& event, const std::string& where) {
    state_->seen(event, where);
    if (state_->on_event) state_->on_event(event);
  };
  for_each_event(events, folder + "/events.jsonl", use, first_line);

  RunStatus status = state_->seen.status(state_->config ? state_->config->train.steps : 0);
  status.folder = folder;
  read_job(status);
  read_result(status);
  if (const auto owner = living_owner(folder)) {
    status.state = RunStatus::State::running;
    status.owner = to_text(*owner) + (state_of(*owner) == ProcessState::stopped ? ", stopped" : "");
    status.rank_zero = owner;
  } else if (status.code) {
    status.state = RunStatus::State::ended;
  } else if (status.attempt > 0) {
    status.state = RunStatus::State::broken;
    status.reason = "the newest attempt ended without a result: it was killed, or its machine failed; the same line resumes";
  }
  if (status.state != RunStatus::State::running) status.remaining.reset();
  return status;
}

RunStatus read_run_status(const std::string& folder) { return RunStatusReader(folder).read(); }

std::optional<RunOutcome> read_outcome(const std::string& folder) {
  const auto result = result_if_there(folder);
  if (!result) return std::nullopt;
  return outcome_of(*result);
}

const char* name(RunStatus::State state) {
  switch (state) {
    case RunStatus::State::empty:
      return "empty";
    case RunStatus::State::running:
      return "running";
    case RunStatus::State::ended:
      return "ended";
    case RunStatus::State::broken:
      return "broken";
  }
  return "";
}

std::string status_text(const RunStatus& status) {
  std::string text = fmt::format("{}: {}", status.folder, name(status.state));
  if (status.attempt > 0) text += fmt::format(", attempt {}, step {}/{}", status.attempt, status.step, status.steps);
  if (status.loss) text += fmt::format(", loss {:.4f}", *status.loss);
  if (status.validation_loss) text += fmt::format(", validation {:.4f}", *status.validation_loss);
  text += "\n";
  if (!status.owner.empty()) text += fmt::format("  trained by {}\n", status.owner);
  if (status.remaining) text += fmt::format("  {:.0f} tokens/s, {:.0f} s to go\n", status.tokens_per_second, status.remaining->value);
  if (status.code) text += fmt::format("  code {}: {}\n", *status.code, status.reason);
  if (!status.code && !status.reason.empty()) text += fmt::format("  {}\n", status.reason);
  if (!status.job.empty()) text += fmt::format("  job {}\n", status.job);
  if (status.stalled_starts > 1) text += fmt::format("  {} starts in a row saved no step\n", status.stalled_starts);
  return text;
}

std::string status_json(const RunStatus& status) {
  const auto number = [](const std::optional<double>& value) { return value && std::isfinite(*value) ? json(*value) : json(); };
  const json text = {{"schema", "ergon.status.v1"},
                     {"folder", status.folder},
                     {"state", name(status.state)},
                     {"attempt", status.attempt},
                     {"step", status.step},
                     {"steps", status.steps},
                     {"loss", number(status.loss)},
                     {"validation_loss", number(status.validation_loss)},
                     {"tokens_per_second", status.tokens_per_second},
                     {"remaining_seconds", status.remaining ? json(status.remaining->value) : json()},
                     {"code", status.code ? json(*status.code) : json()},
                     {"reason", status.reason},
                     {"owner", status.owner},
                     {"job", status.job.empty() ? json() : json(status.job)},
                     {"stalled_starts", status.stalled_starts}};
  return text.dump(2) + "\n";
}

void remember_job(const std::string& folder, const std::string& job) {
  Storage storage;
  storage.make_directories(launch_folder(folder));
  storage.write_text(launch_folder(folder) + "/job", job + "\n");
}

}  // namespace ergon
