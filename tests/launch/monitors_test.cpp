// SPDX-License-Identifier: Apache-2.0
#include "launch/monitors.hpp"

#include <filesystem>

#include "launch/metrics_server.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

struct Shown {
  test::TemporaryFolder folder;
  std::FILE* out = std::fopen((folder / "out").c_str(), "w");
  ~Shown() { std::fclose(out); }
  std::string text() const {
    std::fflush(out);
    return test::read_file(folder / "out");
  }
};

RunStart start(const std::string& folder) { return {folder, 1, 0, 10, 1}; }

}  // namespace

TEST_CASE("monitors: nothing is made that was not asked for") {
  const Shown shown;
  Storage storage;
  ProgressPrinter printer(shown.out, StatusLine::Style::plain);
  Monitors monitors(printer, {}, storage);
  monitors.started(start(shown.folder.path()));
  monitors.step({});
  CHECK_FALSE(std::filesystem::exists(shown.folder / "tensorboard"));
  CHECK_FALSE(std::filesystem::exists(shown.folder / "metrics.address"));
}

TEST_CASE("monitors: a run remembers its job; where it cannot, that is a warning") {
  const Shown shown;
  Storage storage;
  ProgressPrinter printer(shown.out, StatusLine::Style::plain);
  Monitors monitors(printer, {}, storage, "17");
  monitors.started(start(shown.folder.path()));
  CHECK(test::read_file(shown.folder / "launch/job") == "17\n");
  CHECK(shown.text().empty());
  storage.write_text(shown.folder / "file", "");
  monitors.started(start(shown.folder / "file"));
  CHECK(shown.text().find("warning: `ergon stop` will not know the job: ") != std::string::npos);
}

TEST_CASE("monitors: the address of /metrics is written down; a busy port is a warning") {
  const Shown shown;
  Storage storage;
  ProgressPrinter printer(shown.out, StatusLine::Style::plain);
  Monitors monitors(printer, {0, "127.0.0.1", true}, storage);
  monitors.started(start(shown.folder.path()));
  monitors.step({});
  monitors.evaluated({1, 2, {3}});
  monitors.saved({1, true, {1}, {1}, {1}});
  const std::string address = test::read_file(shown.folder / "metrics.address");
  CHECK(shown.text().find("metrics at http://127.0.0.1:") != std::string::npos);
  CHECK(std::filesystem::exists(shown.folder / "tensorboard"));

  const Shown second;
  ProgressPrinter other(second.out, StatusLine::Style::plain);
  Monitors late(other, {std::stoll(address.substr(address.find(':') + 1)), "127.0.0.1", false}, storage);
  late.started(start(second.folder.path()));
  late.step({});
  CHECK(second.text().find("warning: no metrics: ") != std::string::npos);
}

TEST_CASE("monitors: a run that starts again in the same process keeps its /metrics") {
  const Shown shown;
  Storage storage;
  ProgressPrinter printer(shown.out, StatusLine::Style::plain);
  Monitors monitors(printer, {0, "127.0.0.1", false}, storage);
  monitors.started(start(shown.folder.path()));
  const std::string address = test::read_file(shown.folder / "metrics.address"), said = shown.text();
  monitors.started(start(shown.folder.path()));
  CHECK(test::read_file(shown.folder / "metrics.address") == address);
  CHECK(shown.text() == said);

  const Shown second;  // where the port is taken, that is said once too
  ProgressPrinter other(second.out, StatusLine::Style::plain);
  Monitors late(other, {std::stoll(address.substr(address.find(':') + 1)), "127.0.0.1", false}, storage);
  late.started(start(second.folder.path()));
  late.started(start(second.folder.path()));
  const std::string text = second.text(), warning = "warning: no metrics: ";
  CHECK(text.find(warning) != std::string::npos);
  CHECK(text.find(warning) == text.rfind(warning));
}

TEST_CASE("monitors: one that fails is said once and left out; the run goes on") {
  const Shown shown;
  Storage storage;
  ProgressPrinter printer(shown.out, StatusLine::Style::plain);
  Monitors monitors(printer, {-1, "127.0.0.1", true}, storage);
  monitors.started(start("/proc/no/such/run"));
  monitors.evaluated({1, 2, {3}});
  const std::string text = shown.text(), said = "warning: not shown live any more: ";
  CHECK(text.find(said) != std::string::npos);
  CHECK(text.find(said) == text.rfind(said));
}
