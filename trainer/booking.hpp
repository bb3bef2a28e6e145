// SPDX-License-Identifier: Apache-2.0
// Adds up what a run spends between two lines of its ledger.
#pragma once

#include "accounting/communication_volume.hpp"
#include "accounting/ledger.hpp"
#include "configs/run_config.hpp"
#include "parallel/communication_ledger.hpp"
#include "trainer/audit_totals.hpp"
#include "trainer/data/loader.hpp"
#include "trainer/evaluation.hpp"

namespace ergon {

// The moment now, in seconds since 1970.
Seconds unix_time();

class Booking {
 public:
  // The first interval begins at `from_step` and carries the seconds of start-up.
  Booking(const RunConfig& config, std::int64_t attempt, std::int64_t from_step, Seconds startup);

  void step(const StepBatch& batch, Seconds seconds, StepUpdate update);  // seconds: the whole step, data_wait included
  void evaluation(const EvaluationResult& result);
  void checkpoint(Seconds seconds) { open_.seconds.checkpoint += seconds; }

  Seconds startup() const { return startup_; }

  // Collective. The interval up to `to_step`, summed over ranks where the ledger wants sums; clears the audit and the communication counts.
  Interval close(std::int64_t to_step, FlopAudit& audit, CommunicationLedger& communication, Communicator& control);

  Flops exact_per_step() const { return step_flops_.at("exact"); }  // of the newest step
  // Model FLOPs (convention `exact`) of this attempt so far, evaluation included.
  Flops exact_spent() const { return exact_spent_; }

 private:
  // Model FLOPs by `exact`, where pairs depend on the data.
  struct ExactRate {
    ExactRate(const ModelShape& shape, Pass pass);
    Flops of(std::int64_t sequences, const PairCount& pairs) const { return per_sequence * sequences + per_pair * pairs.visible; }
    Flops per_sequence, per_pair;
  };

  const RunConfig& config_;
  FlopsById step_flops_;        // of one step, all ranks
  FlopsById sequence_forward_;  // of one sequence, forward only
  ExactRate exact_training_, exact_forward_;
  Seconds startup_;
  Interval open_;
  std::int64_t updated_ = 0, skipped_ = 0;  // steps of the open interval
  CommunicationVolumes evaluated_;          // by its evaluations, as predicted
  Flops exact_spent_ = {};
};

// The interval of steps and evaluations that `events` shows and the ledger lacks: an attempt that died between two lines of its ledger.
// Hardware FLOPs are the predicted ones: the counts died with the process. config, tiles: of that attempt. Pairs: of its steps and of its
// evaluations, where documents are kept apart.
Interval recovered_interval(const RunConfig& config, const AttentionTiles& tiles, std::int64_t attempt, std::int64_t from_step,
                            std::int64_t to_step, Tokens valid_tokens, std::int64_t evaluated_sequences, TimeSplit seconds,
                            const std::optional<PairCount>& step_pairs = {}, const std::optional<PairCount>& evaluated_pairs = {});

}  // namespace ergon
