// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/run_status.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "parallel/process_identity.hpp"
#include "tests/configs/refusal.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::refusal;

namespace {

std::string attempt(int number, int from) {
  return fmt::format("{{\"event\":\"attempt\",\"attempt\":{},\"from_step\":{}}}\n", number, from);
}
std::string step(int attempt, int step, double loss = 2.5) {
  return fmt::format("{{\"event\":\"step\",\"attempt\":{},\"step\":{},\"loss\":{},\"tokens\":100,\"seconds\":0.5}}\n", attempt, step, loss);
}
std::string save(int attempt, int step) {
  return fmt::format("{{\"event\":\"save\",\"attempt\":{},\"step\":{},\"seconds\":4.5}}\n", attempt, step);
}

struct Run {
  test::TemporaryFolder folder;
  Run() { test::write_file(folder / "config.toml", "[data]\ntrain = \"t.h5\"\n[train]\nsteps = 50\n"); }
  RunStatus events(const std::string& text) const {
    test::write_file(folder / "events.jsonl", text);
    return read_run_status(folder.path());
  }
};

}  // namespace

TEST_CASE("run_status: nothing yet, then steps, then a result") {
  const Run run;
  CHECK(read_run_status(run.folder.path()).state == RunStatus::State::empty);
  RunStatus status = run.events(attempt(1, 0) + step(1, 1) + step(1, 2, 2.25) + save(1, 2));
  CHECK(status.state == RunStatus::State::broken);  // no result, and nobody has the lock
  CHECK(status.attempt == 1);
  CHECK(status.step == 2);
  CHECK(status.steps == 50);
  CHECK(status.loss == 2.25);
  CHECK(status.tokens_per_second == Approx(200));
  CHECK(status.longest_save.value == 4.5);
  CHECK(status.reason.find("ended without a result") != std::string::npos);
  test::write_file(run.folder / "result.json", R"({"code": 85, "reason": "saved", "step": 2, "steps": 50, "attempt": 1})");
  status = read_run_status(run.folder.path());
  CHECK(status.state == RunStatus::State::ended);
  CHECK(status.code == 85);
}

TEST_CASE("run_status: who holds the lock trains, unless it is gone") {
  const Run run;
  run.events(attempt(1, 0) + step(1, 1));
  ProcessIdentity owner = this_process();
  const auto lock = [&](const ProcessIdentity& who) {
    const nlohmann::json record = {{"host", who.host}, {"boot", who.boot},   {"pid_namespace", who.pid_namespace},
                                   {"pid", who.pid},   {"start", who.start}, {"job", ""}};
    test::write_file(run.folder / "lock.a0001", record.dump());
  };
  lock(owner);
  const RunStatus status = read_run_status(run.folder.path());
  CHECK(status.state == RunStatus::State::running);
  CHECK(status.remaining->value == Approx(49 * 0.5));
  CHECK(status.owner.find("pid") != std::string::npos);
  owner.start += 1;  // another process has the number now
  lock(owner);
  CHECK(read_run_status(run.folder.path()).state == RunStatus::State::broken);
  owner.boot = "another machine";
  lock(owner);
  CHECK(read_run_status(run.folder.path()).state == RunStatus::State::running);  // cannot be seen from here, and wrote lately
  std::filesystem::last_write_time(run.folder / "lock.a0001", std::filesystem::file_time_type::clock::now() - std::chrono::minutes(5));
  CHECK(read_run_status(run.folder.path()).state == RunStatus::State::broken);
}

TEST_CASE("run_status: starts that save no step are counted, one that does ends the count") {
  const Run run;
  CHECK(run.events(attempt(1, 0)).stalled_starts == 1);
  CHECK(run.events(attempt(1, 0) + attempt(2, 0) + step(2, 1) + attempt(3, 0)).stalled_starts == 3);
  CHECK(run.events(attempt(1, 0) + attempt(2, 0) + save(2, 5)).stalled_starts == 0);
  CHECK(run.events(attempt(1, 0) + save(1, 5) + attempt(2, 5) + attempt(3, 5)).stalled_starts == 2);
  CHECK(run.events(attempt(1, 0) + attempt(2, 3) + attempt(3, 3)).stalled_starts == 2);

  // A return to a checkpoint begins an attempt, but no process.
  const std::string back = "{\"event\":\"return\",\"attempt\":1,\"step\":3,\"to_step\":0}\n";
  CHECK(run.events(attempt(1, 0) + back + attempt(2, 0) + back + attempt(3, 0)).stalled_starts == 1);
  CHECK(run.events(attempt(1, 0) + back + attempt(2, 0) + attempt(3, 0)).stalled_starts == 2);
  CHECK(run.events(attempt(1, 0) + save(1, 5) + back + attempt(2, 5)).stalled_starts == 0);
  CHECK(run.events(attempt(1, 5) + back + attempt(2, 0) + save(2, 3)).stalled_starts == 0);
}

TEST_CASE("run_status: read again, only what is new is read; the speed and the wait are those of the newest steps") {
  const Run run;
  std::vector<std::int64_t> heard;
  RunStatusReader reader(run.folder.path(), [&](const nlohmann::json& event) { heard.push_back(event.value("step", std::int64_t{0})); });
  CHECK(reader.read().state == RunStatus::State::empty);
  const std::string events = run.folder / "events.jsonl", first = attempt(1, 0) + step(1, 1);
  test::write_file(events, first);
  CHECK(reader.read().step == 1);
  CHECK(reader.config()->train.steps == 50);
  std::string waiting = step(1, 2);
  waiting.replace(waiting.find("}"), 1, ",\"data_wait\":0.25}");
  std::ofstream(events, std::ios::app) << waiting;
  const RunStatus status = reader.read();
  CHECK(status.step == 2);
  CHECK(status.data_wait == Approx(0.25));
  CHECK(status.tokens_per_second == Approx(200));
  CHECK(heard == std::vector<std::int64_t>{0, 1, 2});

  // An attempt may have changed the file.
  test::write_file(run.folder / "config.toml", "[data]\ntrain = \"t.h5\"\n[train]\nsteps = 70\n");
  std::filesystem::last_write_time(run.folder / "config.toml", std::filesystem::file_time_type::clock::now() + std::chrono::seconds(5));
  CHECK(reader.read().steps == 70);

  RunStatusReader parts(run.folder.path());
  CHECK(parts.read(10).step == 0);
  CHECK(parts.share_read() < 1);
  while (parts.share_read() < 1) parts.read(10);
  CHECK(parts.read(10).step == 2);
  std::ofstream(events, std::ios::app) << "no event\n";
  CHECK(refusal([&] { parts.read(); }).find("events.jsonl:4") != std::string::npos);
}

TEST_CASE("run_status: what is no run is refused") {
  CHECK(refusal([] { read_run_status("/nowhere/run"); }).find("there is no such run folder") != std::string::npos);
  const Run run;
  CHECK(refusal([&] { run.events("{\"event\":\"attempt\",\"attempt\":1}\n{}\n"); }).find("an attempt without from_step") !=
        std::string::npos);
}
