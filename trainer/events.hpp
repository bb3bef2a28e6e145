// SPDX-License-Identifier: Apache-2.0
// events.jsonl of a run folder: one JSON object a line with "event" and a checksum (configs/json_checksum.hpp). Step lines carry the loss
// printed so that it reads back to the same bits. Written by rank 0 only. Lines of steps that a rollback abandoned stay in the file;
// loss_curve() picks, per step, the line of the surviving lineage.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "parallel/plan/context_blocks.hpp"
#include "trainer/line_log.hpp"

namespace ergon {

struct StepEvent {
  std::int64_t attempt = 0, step = 0;
  double loss = 0;  // mean over valid tokens; with valid_tokens = 0 the loss is 0
  double grad_norm = 0;
  bool clipped = false, skipped = false;
  double lr = 0;
  std::int64_t tokens = 0, valid_tokens = 0;  // of this step, over all ranks
  double seconds = 0, data_wait = 0;
  std::optional<PairCount> pairs = {};  // of attention, a head; written where they depend on the data
};

class EventLog {
 public:
  EventLog(Storage& storage, const std::string& path) : log_(storage, path) {}

  void step(const StepEvent& event);
  // Any other event: adds "event", "attempt"; `fields` is a JSON object.
  void add(const std::string& event, std::int64_t attempt, nlohmann::json fields);
  // An event's fields "visible_pairs" and "computed_pairs"; nothing where they are not counted.
  static void put_pairs(nlohmann::json& fields, const std::optional<PairCount>& pairs);
  void sync() { log_.sync(); }
  int torn_lines() const { return log_.torn_lines(); }

 private:
  LineLog log_;
  std::string line_;  // of the newest step: its memory is kept
};

// Per step the event of the attempt that survives: an attempt that resumed from step s replaces everything after s that earlier attempts
// wrote. Reads text of events.jsonl; a torn last line is ignored; a line in the middle that is not JSON, or whose
// checksum does not match, throws Error (ExitCode::data) with its number; one without a checksum is an older version's, and read.
std::map<std::int64_t, StepEvent> loss_curve(const std::string& text, const std::string& path);

struct UnbookedEvaluations {
  std::int64_t sequences = 0;
  double seconds = 0;
  std::optional<PairCount> pairs;  // of a head, where the events count them
};
// What `attempt` evaluated after the line of the ledger that ends at `step`. An evaluation at that step belongs to the line, unless
// something that comes later stands before it: a save of that step, or the attempt's own beginning there.
UnbookedEvaluations evaluations_of_attempt(const std::string& text, const std::string& path, std::int64_t attempt, std::int64_t step);

// Steps that `attempt` wrote after `step`.
std::map<std::int64_t, StepEvent> steps_of_attempt(const std::string& text, const std::string& path, std::int64_t attempt,
                                                   std::int64_t after_step);

// The attention kernel that `attempt` began with; empty when its start names none.
std::string attention_of_attempt(const std::string& text, const std::string& path, std::int64_t attempt);

}  // namespace ergon
