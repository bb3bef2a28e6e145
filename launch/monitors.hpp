// SPDX-License-Identifier: Apache-2.0
// Who hears of a run on rank 0: the line of progress, and what [metrics] asks for. Showing a run must never end it: a monitor that fails is
// said once, and left out from then on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "configs/run_config.hpp"
#include "launch/progress.hpp"
#include "trainer/storage.hpp"

namespace ergon {

class Monitors final : public RunMonitor {
 public:
  // job: of Slurm, to be remembered in the run folder; empty: none.
  Monitors(ProgressPrinter& printer, const MetricsSection& section, Storage& storage, std::string job = "");
  ~Monitors() override;

  void message(const std::string& line) override { printer_.message(line); }
  void step(const StepProgress& progress) override;
  void started(const RunStart& start) override;
  void evaluated(const EvaluationProgress& evaluation) override;
  void saved(const SaveProgress& save) override;

 private:
  template <typename Call>
  void each(Call call);

  ProgressPrinter& printer_;
  const MetricsSection section_;
  Storage& storage_;
  const std::string job_;
  std::vector<std::unique_ptr<RunMonitor>> live_;
  bool served_ = false;  // /metrics: asked for once, since a run that returns to a checkpoint starts again in this process
};

}  // namespace ergon
