// SPDX-License-Identifier: Apache-2.0
// The state of a training run between two steps, and the things that happen to it; trainer/loop.cpp says in which order.
#pragma once

#include <c10/util/FunctionRef.h>

#include <memory>
#include <optional>
#include <vector>

#include "trainer/booking.hpp"
#include "trainer/checkpoint/background_save.hpp"
#include "trainer/checkpoint/loader.hpp"
#include "trainer/checkpoint/saver.hpp"
#include "trainer/events.hpp"
#include "trainer/guard.hpp"
#include "trainer/loop.hpp"
#include "trainer/loss_window.hpp"
#include "trainer/rank_skew.hpp"
#include "trainer/replica.hpp"
#include "trainer/step.hpp"
#include "trainer/step_pace.hpp"
#include "trainer/time_limit.hpp"

namespace ergon {

class TrainingRun {
 public:
  // Opens the data; does not touch the run folder. Not collective; everything below is. `begun` outlives it.
  TrainingRun(const RunConfig& config, const BegunAttempt& begun, const StoreCatalogue& stores, Communicators& communicators,
              Storage& storage, const LoopOptions& options);
  ~TrainingRun();

  // Loads the newest usable checkpoint, or starts at step 0; then books the start of the attempt.
  void resume();
  void announce();
  bool steps_left() const { return step_ < config_.train.steps; }
  void step();
  bool evaluation_due() const;
  void evaluate();
  bool save_due() const;
  void save();
  bool must_stop() const { return outcome_.has_value(); }
  // The last step has shown that the run must go back to its last healthy checkpoint: nothing but give_up() is to be called then.
  bool must_return() const { return return_reason_.has_value(); }
  // Writes down what is abandoned and which samples are passed over from now on; the next attempt takes it up.
  void give_up();
  // Evaluates if the target was reached before this attempt did a step; writes the result.
  RunResult finish();
  // Writes the result of an end by an error that every rank has, as far as the disk allows. Not collective.
  void fail(const Error& error);

 private:
  struct Outcome {
    ExitCode code;
    std::string reason;
    bool save = true;        // false: the state is not worth keeping
    const char* cause = "";  // where the code says too little: signal, time, loss
  };

  RunResult result_of(ExitCode code, const std::string& reason) const;
  void enter(FlightPhase phase, std::int64_t step) const;
  bool find_checkpoint(CheckpointLoader& checkpoint);
  void load(CheckpointLoader& checkpoint);
  std::string attention_kernel(const CheckpointLoader* checkpoint) const;
  void choose_gemm_library(const CheckpointLoader* checkpoint);
  void begin_files();
  std::string recorded_config() const;
  nlohmann::json data_identity() const;
  void begin_lineage();
  void take_save_file();
  bool budget_spent() const;
  AttemptStart attempt_start();
  void require_writable() const;
  void check_writable() const;
  void note(c10::function_ref<void(EventLog&)> write);
  void append_ledger(const LedgerLine& line);
  void write_end(const RunResult& result);
  void close_interval();
  void name_straggler(const RankSkew& skew);
  void note_data();
  void check_first_step(const StepBatch& batch);
  void decide(const StepResult& result);
  void decide_return(const StepResult& result);
  void take_up_returns();
  void make_saver();
  Seconds wait_copied();
  void watch_background(const StepResult& result);
  void commit_background();
  Seconds settle_saves();
  void hear_retention();
  void note_failed_save(std::int64_t step, const std::string& why);
  void report_save(std::int64_t step, const SaveResult& saved, Seconds blocked, BackgroundSeconds background);
  void report_progress(const StepResult& result, Seconds seconds, Seconds data_wait);
  StopRequest stop_requested() const;
  Health health() const;
  RunState state() const;
  bool leader() const { return communicators_.world->rank() == 0; }
  void say(const std::string& line) const;

  const RunConfig config_;
  const Attempt attempt_;
  const RunLock* lock_;           // rank 0; null on the others
  std::optional<Error> failure_;  // rank 0: why it writes no more events
  Communicators& communicators_;
  Storage& storage_;
  const LoopOptions& options_;
  const RunFolder folder_;
  const Clock::time_point started_;
  TokenSource train_source_, validation_source_;
  DataState data_state_;
  GemmChoice gemm_;
  std::unique_ptr<Replica> replica_;
  CommunicationLedger communication_;
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<EvaluationLoader> evaluation_;
  std::shared_ptr<CheckpointSaver> saver_;
  std::unique_ptr<BackgroundSave> background_;  // null: saves block
  std::optional<CheckpointId> parent_;
  std::unique_ptr<EventLog> events_;  // rank 0
  std::unique_ptr<LineLog> ledger_;   // rank 0
  std::unique_ptr<Booking> booking_;
  Flops spent_before_ = {};     // convention `exact`, by earlier attempts
  std::optional<double> peak_;  // FLOP/s of all devices; rank 0
  TimeLimit time_limit_;        // asked on rank 0
  NonFiniteGuard guard_;
  LossWindow losses_;
  std::int64_t step_ = 0, first_step_ = 0, saved_step_ = -1, evaluated_step_ = -1;
  std::int64_t retried_reads_ = 0;  // by all ranks of this attempt
  Tokens tokens_ = {};
  std::optional<double> loss_, validation_loss_;  // of the newest step, and of the newest evaluation; empty: this attempt did none
  bool last_step_finite_ = true, last_step_in_line_ = true, save_owed_ = false;
  Clock::time_point save_started_;  // of the save in flight
  Seconds blocked_ = {};            // training, by it
  std::int64_t returned_ = 0;       // times that this run has gone back by itself
  std::optional<std::string> return_reason_;
  std::optional<Outcome> outcome_;
  StepPace pace_;
  BusyBlocks busy_;
  std::int64_t straggler_ = -1;  // named last
};

std::vector<CheckpointTensor> tensors_of(const Replica& replica);
// What the numbers of a run are and, for bfloat16, what multiplies them: its first line says so.
std::string precision_text(DType dtype, const Gemm& gemm);

// The result of a run that had nothing left to do.
RunResult finished_before(Storage& storage, const Attempt& attempt, RunMonitor* monitor, Communicators& communicators);

}  // namespace ergon
