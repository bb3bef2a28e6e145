// SPDX-License-Identifier: Apache-2.0
// GET /metrics of a run, in the text form of Prometheus, on rank 0. launch/grafana.json is a dashboard over these names.
#pragma once

#include <memory>
#include <string>

#include "configs/run_config.hpp"
#include "trainer/monitor.hpp"

namespace ergon {

class MetricsServer final : public RunMonitor {
 public:
  // Listens on address:port; port 0: a free one. Throws Error (ExitCode::world) when it cannot: the port is taken, or the address is none
  // of this machine.
  MetricsServer(const std::string& address, std::int64_t port);
  ~MetricsServer() override;

  std::string address() const;  // 127.0.0.1:40213
  std::string scrape() const;   // what /metrics answers

  void message(const std::string&) override {}
  void started(const RunStart& start) override;
  void step(const StepProgress& progress) override;
  void evaluated(const EvaluationProgress& evaluation) override;
  void saved(const SaveProgress& save) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ergon
