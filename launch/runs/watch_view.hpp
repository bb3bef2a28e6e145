// SPDX-License-Identifier: Apache-2.0
// What `ergon watch` shows of a run, as numbers and text.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "launch/runs/rank_processes.hpp"
#include "launch/runs/run_status.hpp"

namespace ergon {

// Of a curve: steps grow, values may be NaN.
struct Curve {
  std::vector<std::int64_t> steps;
  std::vector<double> values;
  void add(std::int64_t step, double value);
  void cut_after(std::int64_t step);
};

struct WatchView {
  struct Save {
    std::int64_t step = 0;
    Seconds seconds, blocked;  // from its start to the commit; of it, training stood still
  };

  RunStatus status;
  double share_read = 1;       // of events.jsonl; below 1 the figures are older ones
  std::int64_t from_step = 0;  // where the newest attempt began
  std::string mesh;            // of that attempt; empty before there is one
  std::int64_t ranks = 0;      // that train in it
  Curve losses, validation;    // nats a token, of the surviving lineage
  PfsDays spent = {};          // convention `exact`, all attempts, evaluation included, and what the ledger has not booked yet
  std::optional<double> mfu;   // convention `exact`, of the last steps; empty: peak or speed unknown
  std::int64_t saves = 0, failed_saves = 0;
  std::optional<Save> newest_save;
  std::optional<Seconds> quiet;                   // since the newest event was written
  bool ranks_visible = false;                     // rank 0 is a process of this machine
  std::optional<std::int64_t> started_here;       // then: ranks of this machine, idle ones too; empty: nobody says
  std::map<std::int64_t, RankProcess> processes;  // then: those that were seen, by rank
  std::vector<std::string> notes;                 // rare events in words, the newest last
  std::string log_name;                           // of rank 0, inside the run folder; empty: there is none
  std::vector<std::string> log;                   // its last lines as they stand there
};

}  // namespace ergon
