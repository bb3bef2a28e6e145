// SPDX-License-Identifier: Apache-2.0
#include "trainer/attempt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "accounting/ledger.hpp"
#include "configs/error.hpp"
#include "configs/resume.hpp"
#include "trainer/attention/select.hpp"
#include "trainer/booking.hpp"
#include "trainer/events.hpp"
#include "trainer/found_stores.hpp"
#include "trainer/rank_zero.hpp"
#include "trainer/replica.hpp"
#include "trainer/run_folder.hpp"

namespace ergon {
namespace {

using nlohmann::json;

std::vector<ConfigChange> recorded_changes(const RunConfig& stored, const RunConfig& config, const ResumeOptions& options) {
  std::vector<ConfigChange> changes;
  for (const Change& change : check_resume(stored, config, options.allow_change))
    changes.push_back({change.key, change.before, change.after});
  return changes;
}

// What the files say about a folder, before and after it is locked.
Attempt read_attempt(const RunConfig& config, const RunFolder& folder, const ResumeOptions& options, Storage& storage) {
  Attempt attempt;
  attempt.folder = folder.path();
  attempt.started_before = folder.started();
  attempt.train = config.data.train;
  attempt.validation = config.data.validation;
  attempt.packing_table = config.data.packing_table;
  if (!attempt.started_before) return attempt;
  const RunConfig stored = folder.stored_config();
  attempt.changes = recorded_changes(stored, config, options);
  const DataSection found = found_stores(config.data, stored.data, storage);
  attempt.train = found.train;
  attempt.validation = found.validation;
  attempt.packing_table = found.packing_table;
  const std::optional<RunResult> result = folder.read_result();
  attempt.finished = result && result->code == ExitCode::ok && result->step >= config.train.steps;
  return attempt;
}

// On rank 0. The files are read again under the lock: its owner before us may have ended meanwhile.
BegunAttempt decide(const RunConfig& config, const ResumeOptions& options, Storage& storage, LockTiming timing, RunMonitor* monitor) {
  std::string path = config.run.folder;
  if (options.fresh && storage.exists(path)) path = RunFolder(storage, path).fresh_sibling();
  const RunFolder folder(storage, path);
  BegunAttempt begun{read_attempt(config, folder, options, storage), nullptr};
  if (begun.attempt.finished) return begun;
  auto lock = std::make_unique<RunLock>(storage, path, timing, [&](const std::string& line) {
    if (monitor != nullptr) monitor->message(line);
  });
  begun.attempt = read_attempt(config, folder, options, storage);
  if (begun.attempt.finished) return begun;
  begun.attempt.number = lock->attempt();
  begun.lock = std::move(lock);
  return begun;
}

std::string encode(const Attempt& attempt) {
  json changes = json::array();
  for (const ConfigChange& change : attempt.changes) changes.push_back({change.key, change.before, change.after});
  return json{{"folder", attempt.folder},
              {"number", attempt.number},
              {"started_before", attempt.started_before},
              {"finished", attempt.finished},
              {"changes", changes},
              {"train", attempt.train},
              {"validation", attempt.validation},
              {"packing_table", attempt.packing_table}}
      .dump();
}

Attempt decode(const std::string& text) {
  const json j = json::parse(text);
  Attempt attempt{j["folder"], j["number"], j["started_before"], /*returns=*/false, j["finished"],
                  {},          j["train"],  j["validation"],     j["packing_table"]};
  for (const json& change : j["changes"]) attempt.changes.push_back({change[0], change[1], change[2]});
  return attempt;
}

struct Booked {
  std::int64_t last_attempt = 0;
  std::map<std::int64_t, std::int64_t> up_to;  // attempt -> last booked step
  bool evaluation = false;                     // the newest line holds an evaluation and no step
};

Booked booked_steps(const Ledger& ledger) {
  Booked booked;
  for (const LedgerLine& line : ledger.lines) {
    if (const auto* start = std::get_if<AttemptStart>(&line)) {
      booked.last_attempt = start->attempt;
      booked.up_to[start->attempt] = start->resumed_step;
      booked.evaluation = false;
    }
    if (const auto* interval = std::get_if<Interval>(&line)) {
      booked.up_to[interval->attempt] = interval->to_step;
      booked.evaluation = interval->from_step == interval->to_step && interval->evaluation.gemm.value > 0;
    }
  }
  return booked;
}

// The tiles of the kernel that an attempt named in its events; of `present` where it named none, or one that only its device has.
AttentionTiles tiles_of(const RunConfig& config, const std::string& kernel, const LocalAttention& present) {
  if (kernel.empty() || kernel == present.name() || kernel == "device") return present.tiles();
  return select_attention(attention_job(config.model, scalar_type(config.train.dtype)), kernel).kernel->tiles();
}

}  // namespace

BegunAttempt begin_attempt(const RunConfig& config, const ResumeOptions& options, Storage& storage, Communicator& control,
                           LockTiming timing, RunMonitor* monitor) {
  std::unique_ptr<RunLock> lock;
  Attempt attempt = decode(on_rank_zero(control, [&] {
    BegunAttempt begun = decide(config, options, storage, timing, monitor);
    lock = std::move(begun.lock);
    return encode(begun.attempt);
  }));
  for (std::size_t i = 0; monitor != nullptr && i < attempt.train.size(); ++i)
    if (attempt.train[i] != config.data.train[i])
      monitor->message(fmt::format("{} is not found from this working folder; reading {}, as the attempt before", config.data.train[i],
                                   attempt.train[i]));
  return {std::move(attempt), std::move(lock)};
}

BegunAttempt next_attempt(BegunAttempt before, Communicator& control) {
  BegunAttempt next = std::move(before);
  next.attempt.number = std::stoi(on_rank_zero(control, [&] { return std::to_string(next.lock->advance()); }));
  next.attempt.started_before = next.attempt.returns = true;
  next.attempt.changes.clear();
  return next;
}

std::vector<LedgerLine> unbooked_work(const std::string& folder, Storage& storage, const LocalAttention& present) {
  const RunFolder files(storage, folder);
  if (!files.started() || !storage.exists(files.events())) return {};
  const Booked booked = booked_steps(parse_ledger(storage.read_text(files.ledger()), files.ledger()));
  if (booked.last_attempt == 0) return {};
  const std::int64_t from = booked.up_to.at(booked.last_attempt);
  const std::string events = storage.read_text(files.events());
  const auto steps = steps_of_attempt(events, files.events(), booked.last_attempt, from);
  const auto evaluations =
      booked.evaluation ? UnbookedEvaluations() : evaluations_of_attempt(events, files.events(), booked.last_attempt, from);
  if (steps.empty() && evaluations.sequences == 0) return {};

  Tokens valid;
  TimeSplit seconds;
  std::optional<PairCount> pairs;
  seconds.evaluation = {evaluations.seconds};
  for (const auto& [step, event] : steps) {
    valid += Tokens{event.valid_tokens};
    seconds.step += Seconds{event.seconds - event.data_wait};
    seconds.data_wait += Seconds{event.data_wait};
    add_pairs(pairs, event.pairs);
  }
  const RunConfig config = files.stored_config();
  const AttentionTiles tiles = tiles_of(config, attention_of_attempt(events, files.events(), booked.last_attempt), present);
  const std::int64_t to = steps.empty() ? from : steps.rbegin()->first;
  return {
      recovered_interval(config, tiles, booked.last_attempt, from, to, valid, evaluations.sequences, seconds, pairs, evaluations.pairs)};
}

}  // namespace ergon
