// SPDX-License-Identifier: Apache-2.0
// What a training run saves, when, and beside what: blocking, or by a thread of its own while the next steps are done.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "configs/key_table.hpp"
#include "trainer/checkpoint/agreement.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/checkpoint/model_tensors.hpp"
#include "trainer/rank_zero.hpp"
#include "trainer/training_run.hpp"

namespace ergon {

std::vector<CheckpointTensor> tensors_of(const Replica& replica) {
  const Communicator& dp = *replica.communicators.dp_cp;
  return model_tensors(replica.parameters, replica.first_moment, replica.second_moment, dp.size(), dp.rank());
}

void TrainingRun::make_saver() {
  const CheckpointSection& keys = config_.checkpoint;
  const std::string run_uuid = on_rank_zero(*communicators_.control, [&] { return run_identity(storage_, folder_.path()); });
  SaverOptions options{folder_.path(),
                       run_uuid,
                       attempt_.number,
                       communicators_.world->rank(),
                       {keys.keep, keys.keep_every, keys.keep_best},
                       parent_,
                       [lock = lock_] {
                         if (lock != nullptr) lock->check();
                       }};
  saver_ = std::make_shared<CheckpointSaver>(storage_, options);
  if (!keys.asynchronous || keys.every == 0) return;
  on_every_rank(*communicators_.control, [&] { saver_->reserve(tensors_of(*replica_)); });
  background_ = std::make_unique<BackgroundSave>(saver_, config_.watchdog.checkpoint);
}

bool TrainingRun::save_due() const {
  if (must_return() || saved_step_ == step_ || (must_stop() && !outcome_->save)) return false;
  // After a skipped update, or a loss that leaped, a resume would pass the state over: the next step is soon done.
  return must_stop() || !steps_left() || (save_owed_ && last_step_finite_ && last_step_in_line_);
}

void TrainingRun::save() {
  enter(FlightPhase::checkpoint, step_);
  const Seconds waited = settle_saves();
  save_owed_ = false;
  close_interval();
  require_writable();
  if (background_ && steps_left() && !must_stop()) {
    const Clock::time_point start = Clock::now();
    save_started_ = start - clock_ticks(waited);
    background_->start(tensors_of(*replica_), state());
    booking_->checkpoint(since(start));
    blocked_ = since(save_started_);
    saved_step_ = step_;
    return;
  }
  SaveResult saved = saver_->save(tensors_of(*replica_), state(), *communicators_.control);
  booking_->checkpoint(saved.seconds);
  saved.seconds += waited;
  report_save(step_, saved, saved.seconds, {});
  if (!saved.error)
    saved_step_ = step_;
  else if (must_stop() || !steps_left())
    throw AgreedError(*saved.error);
}

// How long an update had to wait for the copy of what it changes.
Seconds TrainingRun::wait_copied() {
  if (!background_ || !background_->in_flight()) return {};
  const Clock::time_point start = Clock::now();
  background_->wait_copied();
  const Seconds held = since(start);
  blocked_ += held;
  booking_->checkpoint(held);
  return held;
}

// At a step boundary: commits what all ranks have written.
void TrainingRun::watch_background(const StepResult& result) {
  if (!background_) return;
  background_->check();
  hear_retention();
  if (background_->in_flight() && !result.writing) commit_background();
}

void TrainingRun::commit_background() {
  enter(FlightPhase::checkpoint, step_);
  const Clock::time_point start = Clock::now();
  const std::int64_t step = background_->step();
  SaveResult saved = background_->commit(*communicators_.control);
  saved.seconds = since(save_started_);
  booking_->checkpoint(since(start));
  report_save(step, saved, blocked_ + since(start), background_->seconds());
}

// What rank 0's thread has said of the checkpoint before. The run goes on: its next save follows, and the last one is a blocking one.
void TrainingRun::hear_retention() {
  for (const std::string& message : background_->take_messages()) say(message);
  if (const std::optional<LostSave> lost = background_->take_lost()) note_failed_save(lost->step, "it does not read back: " + lost->why);
}

void TrainingRun::note_failed_save(std::int64_t step, const std::string& why) {
  say(fmt::format("step {}: NOT saved: {}", step, why));
  note([&](EventLog& events) { events.add("save_failed", attempt_.number, {{"step", step}, {"why", why}}); });
}

// Collective. Nothing is under way afterwards. Returns how long the thread of the save before was waited for.
Seconds TrainingRun::settle_saves() {
  if (!background_) return {};
  if (background_->in_flight()) commit_background();
  const Clock::time_point start = Clock::now();
  background_->wait_idle();
  const Seconds waited = since(start);
  booking_->checkpoint(waited);
  hear_retention();
  return waited;
}

// blocked: what training did not do meanwhile, on this rank.
void TrainingRun::report_save(std::int64_t step, const SaveResult& saved, Seconds blocked, BackgroundSeconds background) {
  if (leader() && options_.monitor != nullptr) options_.monitor->saved({step, !saved.error, saved.seconds, blocked, saved.bytes});
  if (saved.error) {
    for (const std::string& message : saved.messages) say(message);
    require_writable();
    note_failed_save(step, saved.error->what());
    return;
  }
  time_limit_.save_took(saved.seconds);
  for (const std::string& message : saved.messages) say(message);
  say(fmt::format("step {}: saved {} in {:.2f} s, {:.2f} s of them beside training", step, saved.folder, saved.seconds.value,
                  std::max(0.0, saved.seconds.value - blocked.value)));
  note([&](EventLog& events) {
    events.add("save", attempt_.number,
               {{"step", step},
                {"folder", saved.folder},
                {"bytes", saved.bytes.value},
                {"seconds", saved.seconds.value},
                {"blocked", blocked.value},
                {"copy", background.copy.value},
                {"write", background.write.value}});
    events.sync();
  });
}

// Of the newest loss that these parameters have given: that of the step, or of an evaluation after it, which stands for the parameters
// where the step's own batch was bad and its update was skipped.
Health TrainingRun::health() const {
  const bool evaluated = evaluated_step_ == step_ && std::isfinite(validation_loss_.value());
  return {last_step_finite_ || evaluated, last_step_in_line_};
}

RunState TrainingRun::state() const {
  RunState state;
  state.step = step_;
  state.tokens = tokens_;
  state.data_state = to_json(data_state_);
  state.records["guard"] = nlohmann::json{{"in_a_row", guard_.in_a_row()}, {"total", guard_.total()}}.dump();
  state.records["losses"] = nlohmann::json(losses_.losses()).dump();
  if (evaluated_step_ == step_) state.records["validation"] = nlohmann::json(*validation_loss_).dump();
  state.records["attention"] = nlohmann::json(replica_->attention->name()).dump();
  state.records["gemm"] = nlohmann::json(gemm_.library).dump();
  state.config = to_toml(config_);
  state.mesh = communicators_.mesh.sizes();
  state.mesh_order = communicators_.mesh.order();
  state.threads = config_.run.threads;
  state.binary = options_.binary;
  state.cpu = options_.cpu;
  state.health = health();
  return state;
}

}  // namespace ergon
