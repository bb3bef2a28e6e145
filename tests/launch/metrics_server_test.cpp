// SPDX-License-Identifier: Apache-2.0
#include "launch/metrics_server.hpp"

#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "launch/child_process.hpp"
#include "tests/configs/refusal.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::refusal;

namespace {

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

StepProgress progress(std::int64_t step) {
  StepProgress progress;
  progress.step = step;
  progress.steps = 10;
  progress.loss = 2.5;
  progress.seconds = {0.5};
  progress.waited = {0.125};
  progress.startup = {3.5};
  progress.tokens = {100 * step};
  progress.flops = Flops{1000} * static_cast<unsigned>(step);
  return progress;
}

// Names in the expressions of a dashboard that the scrape has no metric for, and expressions without one.
std::set<std::string> unknown_metrics(const std::string& dashboard, const std::string& scraped) {
  std::set<std::string> unknown;
  const std::regex metric("ergon_[a-z0-9_]+");
  const nlohmann::json parsed = nlohmann::json::parse(dashboard);
  for (const nlohmann::json& panel : parsed.at("panels"))
    for (const nlohmann::json& target : panel.at("targets")) {
      const std::string expression = target.at("expr");
      std::sregex_iterator found(expression.begin(), expression.end(), metric), end;
      if (found == end) unknown.insert(expression);
      for (; found != end; ++found)
        if (!holds(scraped, "# TYPE " + found->str() + " ")) unknown.insert(found->str());
    }
  return unknown;
}

}  // namespace

TEST_CASE("metrics_server: figures of a run, totals over attempts") {
  MetricsServer server("127.0.0.1", 0);
  server.started({"run", 3, 5, 10, 4});
  server.step(progress(6));
  server.step(progress(7));
  server.evaluated({7, 2.25, {1.5}});
  server.saved({7, true, {4}, {0.5}, {100}});
  server.saved({7, false, {}, {}, {}});
  const std::string text = server.scrape();
  for (const char* line :
       {"ergon_step 7\n", "ergon_loss 2.5\n", "ergon_validation_loss 2.25\n", "ergon_tokens_total 700\n", "ergon_model_flops_total 7000\n",
        "ergon_step_seconds_total 1\n", "ergon_data_wait_seconds_total 0.25\n", "ergon_checkpoints_total{result=\"saved\"} 1\n",
        "ergon_checkpoints_total{result=\"failed\"} 1\n", "ergon_checkpoint_blocked_seconds_total 0.5\n", "ergon_restarts_total 2\n",
        "ergon_ranks 4\n", "ergon_startup_seconds_total 3.5\n", "ergon_evaluation_seconds_total 1.5\n"})
    CHECK(holds(text, line));
}

TEST_CASE("metrics_server: it answers over loopback, on a port of its own") {
  MetricsServer server("127.0.0.1", 0);
  server.started({"run", 1, 0, 10, 1});
  const std::string script = "import urllib.request, sys; sys.stdout.write(urllib.request.urlopen('http://" + server.address() +
                             "/metrics', timeout=10).read().decode())";
  CHECK(holds(output_of({std::getenv("ERGON_PYTHON"), "-c", script}), "ergon_target_steps 10\n"));
  const std::int64_t port = std::stoll(server.address().substr(server.address().find(':') + 1));
  CHECK(refusal([&] { MetricsServer("127.0.0.1", port); }).find("cannot be listened on") != std::string::npos);
}

TEST_CASE("metrics_server: every expression of the dashboard names a metric that is there") {
  MetricsServer server("127.0.0.1", 0);
  server.started({"run", 1, 0, 10, 1});
  server.step(progress(1));
  server.saved({1, true, {1}, {1}, {1}});
  const std::string scraped = server.scrape(),
                    dashboard = test::read_file(std::string(std::getenv("ERGON_SOURCE")) + "/launch/grafana.json");
  const std::set<std::string> missing = unknown_metrics(dashboard, scraped);
  CHECK(missing.empty());
  CHECK(unknown_metrics(R"({"panels": [{"targets": [{"expr": "rate(ergon_loss_2[1m]) / ergon_step"}, {"expr": "1"}]}]})", scraped) ==
        std::set<std::string>{"1", "ergon_loss_2"});
}
