// SPDX-License-Identifier: Apache-2.0
#include "trainer/training_run.hpp"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/key_table.hpp"
#include "trainer/data/source_use.hpp"
#include "trainer/rank_zero.hpp"

namespace ergon {
namespace {

bool evaluates_after(const TrainSection& train, std::int64_t step) {
  return train.evaluate_every > 0 && (step % train.evaluate_every == 0 || step >= train.steps);
}

// What is to be said about the checkpoint of a run that reached its target.
const char* unhealthy_end(const Health& now) {
  if (!now.finite) return "; the last loss was not finite, so its checkpoint is unhealthy and is passed over";
  return now.inside_window ? "" : "; the last loss leaped, so its checkpoint is unhealthy and is passed over";
}

}  // namespace

// What the watchdog measures by; the first step of an attempt belongs to its start.
void TrainingRun::enter(FlightPhase phase, std::int64_t step) const {
  if (options_.watchdog != nullptr) options_.watchdog->enter(phase, step);
}

void TrainingRun::step() {
  const Clock::time_point start = Clock::now();
  enter(step_ == first_step_ ? FlightPhase::start : FlightPhase::step, step_ + 1);
  const StepBatch& batch = loader_->next();
  const bool judged = batch.valid_tokens > 0;
  const Clock::time_point begun = Clock::now();
  const Seconds waited = communication_.exposed();
  const StepCalls calls = {[&](double loss) { return judged && losses_.leaps(loss); },
                           [this] { return background_ && background_->writing(); }, [this] { return wait_copied(); }};
  const StepResult result = run_step(
      *replica_, batch, ++step_, [this] { return stop_requested(); }, calls);
  if (step_ == first_step_ + 1)
    check_first_step(batch);
  else
    busy_.add(since(begun) - result.held - (communication_.exposed() - waited));
  const Seconds seconds = since(start) - result.held;

  booking_->step(batch, seconds, result.skipped ? StepUpdate::skipped : StepUpdate::done);
  data_state_ = batch.after;
  tokens_ += Tokens{batch.tokens};
  loss_ = result.loss;
  last_step_finite_ = !result.skipped;
  last_step_in_line_ = !result.leaped;
  if (judged) losses_.add(result.loss);
  save_owed_ |= config_.checkpoint.every > 0 && step_ % config_.checkpoint.every == 0;
  note([&](EventLog& events) {
    events.step({attempt_.number, step_, result.loss, result.grad_norm, result.clipped, result.skipped, result.lr, batch.tokens,
                 batch.valid_tokens, seconds.value, batch.data_wait.value, batch.pairs});
  });
  time_limit_.step_took(seconds);
  decide(result);
  report_progress(result, seconds, batch.data_wait);
  watch_background(result);
}

// The counts of the attempt's first step against the analytic ones: a difference means that every later figure would be wrong.
void TrainingRun::check_first_step(const StepBatch& batch) {
  const AuditTotals executed = total_over_ranks(replica_->audit, *communicators_.control);
  check_audit(executed, predicted_totals(config_, replica_->attention->tiles(), config_.train.batch, batch.pairs));
  PhaseFlops sum;
  for (const PhaseFlops& phase : executed) {
    sum.gemm += phase.gemm;
    sum.attention += phase.attention;
  }
  note([&](EventLog& events) {
    events.add("audit", attempt_.number,
               {{"step", step_},
                {"gemm", to_decimal(sum.gemm)},
                {"attention", to_decimal(sum.attention)},
                {"equals_prediction", true},
                {"declared", replica_->audit.declared()}});
  });
}

// An event of rank 0. One that cannot be written is the last: at their next agreement all ranks end with its error.
void TrainingRun::note(c10::function_ref<void(EventLog&)> write) {
  if (!leader() || failure_) return;
  try {
    if (lock_ != nullptr) lock_->check_lately();
    write(*events_);
  } catch (const Error& error) {
    failure_ = error;
  }
}

// Whether training ends at this boundary, and why; the same on every rank, because everything it looks at is.
void TrainingRun::decide(const StepResult& result) {
  if (result.stop == StopRequest::failure) require_writable();
  const bool endless = guard_.must_stop(result.skipped);
  if (config_.recovery.returns > 0 && (result.skipped || result.leaped))
    decide_return(result);
  else if (endless)
    outcome_ = {ExitCode::stopped,
                fmt::format("the loss or its gradient was not finite in {} steps in a row, up to step {}; resuming goes back to the newest "
                            "healthy checkpoint",
                            guard_.in_a_row(), step_),
                /*save=*/false, "loss"};
  else if (!steps_left())
    return;  // the target is reached: a stop or a budget ends nothing any more
  else if (result.stop == StopRequest::save)
    take_save_file();
  else if (result.skipped || result.leaped)
    return;  // what is saved here would not be chosen by a resume; the request stands at the next step, and skips in a row end the run
  else if (result.stop == StopRequest::requeue)
    outcome_ = {ExitCode::saved, fmt::format("saved at step {} on a signal; the same line resumes", step_), /*save=*/true, "signal"};
  else if (result.stop == StopRequest::time)
    outcome_ = {ExitCode::saved, fmt::format("saved at step {} before the end of its time; the same line resumes", step_), /*save=*/true,
                "time"};
  else if (result.stop == StopRequest::stop)
    outcome_ = {ExitCode::stopped, fmt::format("stopped at step {} on request; the same line resumes", step_)};
  else if (budget_spent())
    outcome_ = {ExitCode::budget, fmt::format("the budget accounting.budget was reached at step {}", step_)};
}

// A request for a save and nothing more: granted once.
void TrainingRun::take_save_file() {
  save_owed_ = true;
  if (!leader() || !storage_.exists(folder_.save_file())) return;
  try {
    storage_.unlink(folder_.save_file());
    say(fmt::format("step {}: {} asks for a save", step_, folder_.save_file()));
  } catch (const Error& error) {
    failure_ = error;  // it would ask again at every step
  }
}

bool TrainingRun::budget_spent() const {
  return config_.accounting.budget.value > 0 && spent_before_ + booking_->exact_spent() >= config_.accounting.budget;
}

StopRequest TrainingRun::stop_requested() const {
  if (failure_) return StopRequest::failure;
  const StopRequest signal = options_.pending_stop();
  if (!leader()) return signal;
  if (signal < StopRequest::stop && storage_.exists(folder_.stop_file())) return StopRequest::stop;
  if (signal < StopRequest::time && time_limit_.near(TimeLimit::WallClock::now(), evaluates_after(config_.train, step_)))
    return StopRequest::time;
  if (signal < StopRequest::save && storage_.exists(folder_.save_file())) return StopRequest::save;
  return signal;
}

void TrainingRun::report_progress(const StepResult& result, Seconds seconds, Seconds data_wait) {
  pace_.add(seconds, data_wait);
  if (!leader() || options_.monitor == nullptr) return;
  const double steps_per_second = pace_.steps_per_second();
  StepProgress progress;
  progress.step = step_;
  progress.steps = config_.train.steps;
  progress.loss = result.loss;
  progress.tokens_per_second = steps_per_second * static_cast<double>(config_.train.batch * config_.model.sequence);
  if (peak_) progress.mfu = to_double(booking_->exact_per_step()) * steps_per_second / *peak_;
  progress.data_wait = pace_.wait_share();
  progress.remaining = {static_cast<double>(config_.train.steps - step_) / steps_per_second};
  progress.flops = spent_before_ + booking_->exact_spent();
  progress.spent = to_pfs_days(progress.flops);
  progress.grad_norm = result.grad_norm;
  progress.lr = result.lr;
  progress.skipped = result.skipped;
  progress.seconds = seconds;
  progress.waited = data_wait;
  progress.tokens = tokens_;
  progress.startup = booking_->startup();
  options_.monitor->step(progress);
}

bool TrainingRun::evaluation_due() const {
  return !must_return() && !(must_stop() && outcome_->code != ExitCode::ok) && evaluates_after(config_.train, step_);
}

void TrainingRun::evaluate() {
  enter(FlightPhase::evaluation, step_);
  const EvaluationResult result = ergon::evaluate(*replica_, *evaluation_);
  booking_->evaluation(result);
  time_limit_.evaluation_took(result.seconds);
  evaluated_step_ = step_;
  validation_loss_ = result.loss;
  note([&](EventLog& events) {
    nlohmann::json fields = {{"step", step_},
                             {"loss", result.loss},
                             {"valid_tokens", result.valid_tokens.value},
                             {"sequences", result.sequences},
                             {"seconds", result.seconds.value}};
    EventLog::put_pairs(fields, result.pairs);
    events.add("evaluation", attempt_.number, fields);
  });
  if (leader() && options_.monitor != nullptr) options_.monitor->evaluated({step_, result.loss, result.seconds});
  say(fmt::format("step {}: validation loss {:.4f} over {} tokens", step_, result.loss, result.valid_tokens.value));
}

void TrainingRun::close_interval() {
  communicators_.settle();
  Interval interval = booking_->close(step_, replica_->audit, communication_, *communicators_.control);
  interval.skew = compare_ranks(busy_, config_, communicators_.mesh, *communicators_.control);
  if (interval.skew) busy_.clear();
  on_rank_zero(*communicators_.control, [&] {
    append_ledger(interval);
    return std::string();
  });
  if (interval.skew) name_straggler(*interval.skew);
  note_data();
}

// Once for each rank that becomes one; all of them stand in the ledger.
void TrainingRun::name_straggler(const RankSkew& skew) {
  const bool named = skew.slowest == straggler_;
  straggler_ = skew.is_straggler() ? skew.slowest : -1;
  if (straggler_ < 0 || named) return;
  say(
      fmt::format("step {}: rank {} on {} keeps the others waiting: busy {:.2f} times as long as its peers (all ranks: {:.4g} "
                  "to {:.4g} s a step)",
                  step_, skew.slowest, skew.host, skew.ratio, skew.least.value, skew.most.value));
  note([&](EventLog& events) {
    events.add("straggler", attempt_.number,
               {{"step", step_},
                {"rank", skew.slowest},
                {"host", skew.host},
                {"ratio", skew.ratio},
                {"steps", skew.steps},
                {"min", skew.least.value},
                {"median", skew.median.value},
                {"max", skew.most.value}});
  });
}

// What was had of each source so far, and how often a read of any rank had to be tried again.
void TrainingRun::note_data() {
  const at::Tensor retries = at::empty({1}, at::kLong);
  *retries.data_ptr<std::int64_t>() = train_source_.retries() + validation_source_.retries();
  communicators_.control->all_reduce(retries).wait();
  const std::int64_t retried = *retries.data_ptr<std::int64_t>();
  if (retried > retried_reads_) say(fmt::format("step {}: {} reads of token stores were tried again", step_, retried - retried_reads_));
  retried_reads_ = retried;
  note([&](EventLog& events) {
    nlohmann::json fields = source_use(data_state_, train_source_);
    fields["step"] = step_;
    fields["retried_reads"] = retried;
    events.add("data", attempt_.number, std::move(fields));
  });
}

// Collective. Ends every rank alike when another attempt has taken the run, or rank 0 could not write an event.
void TrainingRun::require_writable() const {
  on_rank_zero(*communicators_.control, [&] {
    check_writable();
    return std::string();
  });
}

void TrainingRun::check_writable() const {
  if (failure_) throw Error(*failure_);
  if (lock_ != nullptr) lock_->check();
}

void TrainingRun::append_ledger(const LedgerLine& line) {
  if (!leader()) return;
  check_writable();
  std::string text = format(line);
  if (!text.empty() && text.back() == '\n') text.pop_back();
  ledger_->append(text);
  ledger_->sync();
}

RunResult TrainingRun::result_of(ExitCode code, const std::string& reason) const {
  RunResult result;
  result.code = code;
  result.reason = reason;
  result.step = step_;
  result.steps = config_.train.steps;
  result.attempt = attempt_.number;
  result.loss = loss_;
  result.validation_loss = validation_loss_;
  return result;
}

void TrainingRun::fail(const Error& error) {
  try {
    if (background_) background_->discard();
    if (!leader()) return;
    if (lock_ != nullptr) lock_->check();  // a run that was taken over writes nothing more
    note([&](EventLog& events) {
      events.add("end", attempt_.number, {{"step", step_}, {"code", static_cast<int>(error.code())}, {"reason", error.what()}});
      events.sync();
    });
    folder_.write_result(result_of(error.code(), error.what()));
  } catch (const Error& second) {
    say(fmt::format("the result was not written: {}", second.what()));
  }
}

RunResult TrainingRun::finish() {
  if (!outcome_ && evaluation_ && evaluated_step_ != step_) evaluate();
  enter(FlightPhase::finish, step_);
  settle_saves();
  close_interval();  // what was spent after the last save
  if (!outcome_) outcome_ = {ExitCode::ok, fmt::format("train.steps = {} reached{}", config_.train.steps, unhealthy_end(health()))};
  const RunResult result = result_of(outcome_->code, outcome_->reason);
  communicators_.control->barrier().wait();
  on_rank_zero(*communicators_.control, [&] {
    write_end(result);
    return std::string();
  });
  say(result.reason);
  return result;
}

void TrainingRun::write_end(const RunResult& result) {
  check_writable();
  nlohmann::json fields = {{"step", step_}, {"code", static_cast<int>(result.code)}, {"reason", result.reason}};
  if (*outcome_->cause != '\0') fields["cause"] = outcome_->cause;
  events_->add("end", attempt_.number, std::move(fields));
  events_->sync();
  // A stop file is a request, and this run has honoured it: left behind, it would end the resumed run at its first step.
  if (result.code == ExitCode::stopped && storage_.exists(folder_.stop_file())) {
    storage_.unlink(folder_.stop_file());
    say(fmt::format("removed {}", folder_.stop_file()));
  }
  folder_.write_result(result);
}

void TrainingRun::say(const std::string& line) const {
  if (leader() && options_.monitor != nullptr) options_.monitor->message(line);
}

}  // namespace ergon
