// SPDX-License-Identifier: Apache-2.0
// Reads what `ergon watch` shows from the files of a run folder, again and again: of events and ledger only what is new. A million steps
// take 16 MB here.
#pragma once

#include <deque>
#include <map>
#include <nlohmann/json_fwd.hpp>

#include "accounting/ledger.hpp"
#include "launch/runs/watch_view.hpp"
#include "parallel/plan/context_blocks.hpp"

namespace ergon {

class WatchReader {
 public:
  explicit WatchReader(const std::string& folder);

  // limit: about so many bytes of events at most. Valid until the next call. Throws as RunStatusReader does.
  const WatchView& read(std::size_t limit = LineFollower::everything);

 private:
  // What the newest attempt has done, as its events count it.
  struct Work {
    std::int64_t steps = 0, evaluated_sequences = 0;
    std::optional<PairCount> step_pairs, evaluated_pairs;
  };

  void take(const nlohmann::json& event);
  void begin(const nlohmann::json& attempt);
  void note(const std::string& text);
  void read_ledger();
  Flops spent_in_steps() const;
  Flops spent_in_evaluations() const;
  void show_costs();
  void show_processes();
  void show_log();

  std::string folder_;
  RunStatusReader status_;
  LineFollower ledger_;
  WatchView view_;
  Work work_;
  std::map<std::int64_t, Flops> booked_;  // by attempt, convention `exact`
  double peak_ = 0;                       // FLOP/s of all devices of the newest attempt; 0: unknown
  std::deque<std::string> notes_;
  RankProcesses processes_;
};

}  // namespace ergon
