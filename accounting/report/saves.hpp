// SPDX-License-Identifier: Apache-2.0
// What saving cost a run's training, from events.jsonl: what it was blocked by, and, apart from that, by how much steps were slower while a
// save was written beside them. All attempts, lost steps too.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "configs/quantities.hpp"

namespace ergon {

struct SaveCost {
  std::int64_t blocking = 0, beside = 0;           // saves that were committed
  Seconds blocking_seconds;                        // of the first kind
  Seconds blocked, written;                        // of the second: what training stood still, and what the other thread took
  std::int64_t steps_beside = 0;                   // steps while such a save was copied or written
  std::optional<Seconds> step_beside, step_alone;  // medians; absent without such steps
};

// Takes the events of a run in the order of the file; those of other kinds are nothing to it.
class SaveTally {
 public:
  // Throws Error (ExitCode::data) at `where` for a save that lacks one of its figures.
  void add(const nlohmann::json& event, const std::string& where);
  SaveCost cost() const;

 private:
  SaveCost cost_;
  std::vector<double> alone_, beside_;                                // seconds a step
  std::map<std::int64_t, std::map<std::int64_t, double>> undecided_;  // attempt -> step -> seconds: no later save was committed yet
};

std::string saves_text(const SaveCost& cost);  // empty without a save
nlohmann::ordered_json saves_json(const SaveCost& cost);

}  // namespace ergon
