// SPDX-License-Identifier: Apache-2.0
#include "launch/metrics_server.hpp"

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
  progress.tokens = {100 * step};
  progress.flops = Flops{1000} * static_cast<unsigned>(step);
  return progress;
}

}  // namespace

TEST_CASE("metrics_server: figures of a run, totals over attempts") {
  MetricsServer server("127.0.0.1", 0);
  server.started({"run", 3, 5, 10, 4});
  server.step(progress(6));
  server.step(progress(7));
  server.evaluated(7, 2.25);
  server.saved({7, true, {4}, {0.5}, {100}});
  server.saved({7, false, {}, {}, {}});
  const std::string text = server.scrape();
  for (const char* line : {"ergon_step 7\n", "ergon_loss 2.5\n", "ergon_validation_loss 2.25\n", "ergon_tokens_total 700\n",
                           "ergon_model_flops_total 7000\n", "ergon_step_seconds_total 1\n", "ergon_data_wait_seconds_total 0.25\n",
                           "ergon_checkpoints_total{result=\"saved\"} 1\n", "ergon_checkpoints_total{result=\"failed\"} 1\n",
                           "ergon_checkpoint_blocked_seconds_total 0.5\n", "ergon_restarts_total 2\n", "ergon_ranks 4\n"})
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
  std::set<std::string> named;
  const std::regex metric("ergon_[a-z_]+");
  for (std::sregex_iterator it(dashboard.begin(), dashboard.end(), metric); it != std::sregex_iterator(); ++it) named.insert(it->str());
  CHECK(named.size() >= 10);
  for (const std::string& name : named) {
    INFO(name);
    CHECK(holds(scraped, "# TYPE " + name + " "));
  }
}
