// SPDX-License-Identifier: Apache-2.0
#include "launch/metrics_server.hpp"

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "configs/error.hpp"

namespace ergon {
namespace {

using prometheus::Counter;
using prometheus::Gauge;

// What only grows. Totals of a run come as totals, over all attempts; a counter takes what has been added.
void raise(Counter& counter, double total) {
  if (total > counter.Value()) counter.Increment(total - counter.Value());
}

}  // namespace

struct MetricsServer::State {
  std::string address;
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  std::unique_ptr<prometheus::Exposer> exposer;

  Gauge& gauge(const char* name, const char* help) { return prometheus::BuildGauge().Name(name).Help(help).Register(*registry).Add({}); }
  Counter& counter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(*registry).Add({});
  }
  prometheus::Family<Counter>& checkpoints =
      prometheus::BuildCounter().Name("ergon_checkpoints_total").Help("Saves that were committed, and that failed").Register(*registry);

  Gauge& step = gauge("ergon_step", "The newest step");
  Gauge& steps = gauge("ergon_target_steps", "train.steps");
  Gauge& ranks = gauge("ergon_ranks", "Ranks that train");
  Gauge& attempt = gauge("ergon_attempt", "The number of this start of the run");
  Gauge& loss = gauge("ergon_loss", "Mean loss of the newest step, nats a token");
  Gauge& validation_loss = gauge("ergon_validation_loss", "Mean loss of the newest evaluation, nats a token");
  Gauge& grad_norm = gauge("ergon_gradient_norm", "Global norm of the gradient before clipping");
  Gauge& lr = gauge("ergon_learning_rate", "Learning rate of the newest step");
  Gauge& tokens_per_second = gauge("ergon_tokens_per_second", "Tokens trained a second, over the last steps");
  Gauge& mfu = gauge("ergon_mfu_ratio", "Model FLOPs utilisation by convention exact; absent figures are NaN");
  Gauge& remaining = gauge("ergon_remaining_seconds", "Seconds to train.steps at the present speed");
  Gauge& last_save = gauge("ergon_checkpoint_step", "Step of the newest committed checkpoint");
  Counter& tokens = counter("ergon_tokens_total", "Tokens trained on, by the surviving steps");
  Counter& flops = counter("ergon_model_flops_total", "Model FLOPs spent by all attempts, convention exact");
  // One word, because promtool would have days be seconds.
  Counter& pfs_days = counter("ergon_pfsdays_total", "The same in petaflop/s-days");
  Counter& startup = counter("ergon_startup_seconds_total", "Seconds of this attempt before its first step");
  Counter& step_seconds = counter("ergon_step_seconds_total", "Seconds in steps of this attempt");
  Counter& data_wait = counter("ergon_data_wait_seconds_total", "Seconds of them that waited for data");
  Counter& evaluation = counter("ergon_evaluation_seconds_total", "Seconds in evaluations of this attempt");
  Counter& save_seconds = counter("ergon_checkpoint_seconds_total", "Seconds from the start of saves to their commit");
  Counter& blocked = counter("ergon_checkpoint_blocked_seconds_total", "Seconds of them in which training stood still");
  Counter& skipped = counter("ergon_skipped_steps_total", "Steps whose update was skipped because the loss or its gradient was not finite");
  Counter& restarts = counter("ergon_restarts_total", "Starts of the run before this one");
  Counter& saved = checkpoints.Add({{"result", "saved"}});
  Counter& failed = checkpoints.Add({{"result", "failed"}});
};

MetricsServer::MetricsServer(const std::string& address, std::int64_t port) : state_(std::make_unique<State>()) {
  try {
    state_->exposer = std::make_unique<prometheus::Exposer>(fmt::format("{}:{}", address, port), /*num_threads=*/1);
    state_->address = fmt::format("{}:{}", address, state_->exposer->GetListeningPorts().at(0));
  } catch (const std::exception& error) {
    throw Error(fmt::format("{}:{} cannot be listened on: {}", address, port, error.what()), "metrics.port",
                "another process has it: metrics.port = 0 takes a free one", ExitCode::world);
  }
  state_->mfu.Set(std::numeric_limits<double>::quiet_NaN());
  state_->validation_loss.Set(std::numeric_limits<double>::quiet_NaN());
  state_->exposer->RegisterCollectable(state_->registry);
}

MetricsServer::~MetricsServer() = default;

std::string MetricsServer::address() const { return state_->address; }

std::string MetricsServer::scrape() const { return prometheus::TextSerializer().Serialize(state_->registry->Collect()); }

void MetricsServer::started(const RunStart& start) {
  state_->attempt.Set(static_cast<double>(start.attempt));
  state_->step.Set(static_cast<double>(start.from_step));
  state_->steps.Set(static_cast<double>(start.steps));
  state_->ranks.Set(start.ranks);
  raise(state_->restarts, static_cast<double>(start.attempt - 1));
}

void MetricsServer::step(const StepProgress& progress) {
  state_->step.Set(static_cast<double>(progress.step));
  state_->loss.Set(progress.loss);
  state_->grad_norm.Set(progress.grad_norm);
  state_->lr.Set(progress.lr);
  state_->tokens_per_second.Set(progress.tokens_per_second);
  if (progress.mfu) state_->mfu.Set(*progress.mfu);
  state_->remaining.Set(progress.remaining.value);
  raise(state_->tokens, static_cast<double>(progress.tokens.value));
  raise(state_->flops, to_double(progress.flops));
  raise(state_->pfs_days, progress.spent.value);
  raise(state_->startup, progress.startup.value);
  state_->step_seconds.Increment(progress.seconds.value);
  state_->data_wait.Increment(progress.waited.value);
  if (progress.skipped) state_->skipped.Increment();
}

void MetricsServer::evaluated(const EvaluationProgress& evaluation) {
  state_->validation_loss.Set(evaluation.loss);
  state_->evaluation.Increment(evaluation.seconds.value);
}

void MetricsServer::saved(const SaveProgress& save) {
  (save.done ? state_->saved : state_->failed).Increment();
  if (!save.done) return;
  state_->last_save.Set(static_cast<double>(save.step));
  state_->save_seconds.Increment(save.seconds.value);
  state_->blocked.Increment(save.blocked.value);
}

}  // namespace ergon
