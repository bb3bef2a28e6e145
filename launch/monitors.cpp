// SPDX-License-Identifier: Apache-2.0
#include "launch/monitors.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "configs/error.hpp"
#include "launch/metrics_server.hpp"
#include "launch/runs/run_status.hpp"
#include "launch/tensorboard_log.hpp"

namespace ergon {
namespace {

double wall_time() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

class TensorBoardMonitor final : public RunMonitor {
 public:
  explicit TensorBoardMonitor(Storage& storage) : storage_(storage) {}

  void message(const std::string&) override {}

  void started(const RunStart& start) override {
    attempt_ = start.attempt;
    first_step_ = true;
    log_.emplace(storage_, start.folder, start.attempt, start.from_step, wall_time());
  }

  void step(const StepProgress& progress) override {
    std::vector<Scalar> scalars = {{"loss/train", progress.loss},
                                   {"optimizer/gradient_norm", progress.grad_norm},
                                   {"optimizer/learning_rate", progress.lr},
                                   {"spent/tokens", static_cast<double>(progress.tokens.value)},
                                   {"spent/model_flops", to_double(progress.flops)},
                                   {"spent/pfs_days", progress.spent.value},
                                   {"speed/tokens_per_second", progress.tokens_per_second},
                                   {"time/step_seconds", progress.seconds.value},
                                   {"time/data_wait_seconds", progress.waited.value},
                                   {"run/restarts", static_cast<double>(attempt_ - 1)}};
    if (progress.mfu) scalars.push_back({"speed/mfu", *progress.mfu});
    if (std::exchange(first_step_, false)) scalars.push_back({"time/startup_seconds", progress.startup.value});
    log_->add(progress.step, scalars, wall_time());
  }

  void evaluated(const EvaluationProgress& evaluation) override {
    log_->add(evaluation.step,
              std::vector<Scalar>{{"loss/validation", evaluation.loss}, {"time/evaluation_seconds", evaluation.seconds.value}},
              wall_time());
  }

  void saved(const SaveProgress& save) override {
    if (!save.done) return;
    log_->add(save.step,
              std::vector<Scalar>{{"time/checkpoint_seconds", save.seconds.value}, {"time/checkpoint_blocked_seconds", save.blocked.value}},
              wall_time());
  }

 private:
  Storage& storage_;
  std::optional<TensorBoardLog> log_;
  std::int64_t attempt_ = 1;
  bool first_step_ = true;
};

}  // namespace

Monitors::Monitors(ProgressPrinter& printer, const MetricsSection& section, Storage& storage, std::string job)
    : printer_(printer), section_(section), storage_(storage), job_(std::move(job)) {
  if (section_.tensorboard) live_.push_back(std::make_unique<TensorBoardMonitor>(storage));
}

Monitors::~Monitors() = default;

template <typename Call>
void Monitors::each(Call call) {
  std::erase_if(live_, [&](const std::unique_ptr<RunMonitor>& monitor) {
    try {
      call(*monitor);
      return false;
    } catch (const std::exception& error) {
      printer_.message(fmt::format("warning: not shown live any more: {}", error.what()));
      return true;
    }
  });
}

void Monitors::started(const RunStart& start) {
  if (!job_.empty()) {
    try {
      remember_job(start.folder, job_);
    } catch (const Error& error) {
      printer_.message(fmt::format("warning: `ergon stop` will not know the job: {}", error.what()));
    }
  }
  if (section_.port >= 0 && start.attempt > 0 && !std::exchange(served_, true)) {
    try {
      auto server = std::make_unique<MetricsServer>(section_.address, section_.port);
      storage_.write_text(start.folder + "/metrics.address", server->address() + "\n");
      printer_.message(fmt::format("metrics at http://{}/metrics", server->address()));
      live_.push_back(std::move(server));
    } catch (const Error& error) {
      printer_.message(fmt::format("warning: no metrics: {}", error.what()));
    }
  }
  each([&](RunMonitor& monitor) { monitor.started(start); });
}

void Monitors::step(const StepProgress& progress) {
  printer_.step(progress);
  each([&](RunMonitor& monitor) { monitor.step(progress); });
}

void Monitors::evaluated(const EvaluationProgress& evaluation) {
  each([&](RunMonitor& monitor) { monitor.evaluated(evaluation); });
}

void Monitors::saved(const SaveProgress& save) {
  each([&](RunMonitor& monitor) { monitor.saved(save); });
}

}  // namespace ergon
