// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/watch_reader.hpp"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "accounting/conventions.hpp"
#include "tests/accounting/ledgers.hpp"
#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TemporaryFolder;

namespace {

const std::string configuration = R"([data]
train = "t.h5"
[model]
layers = 2
width = 32
heads = 4
ffn_width = 64
vocabulary = 257
sequence = 32
[train]
steps = 50
batch = 8
microbatch = 1
)";

struct Run {
  TemporaryFolder folder;
  Run() { test::write_file(folder / "config.toml", configuration); }
  void event(const std::string& fields) const { std::ofstream(folder / "events.jsonl", std::ios::app) << "{\"event\":" << fields << "}\n"; }
  void attempt(int number, int from) const {
    event(fmt::format(R"("attempt","attempt":{},"from_step":{},"mesh":"dp=2 tp=2","ranks":4)", number, from));
  }
  void step(int attempt, int step, const std::string& loss, const std::string& more = "") const {
    event(fmt::format(R"("step","attempt":{},"step":{},"loss":{},"tokens":256,"seconds":0.5,"data_wait":0.125{})", attempt, step, loss,
                      more));
  }
  void ledger(const std::vector<LedgerLine>& lines) const { std::ofstream(folder / "ledger.jsonl", std::ios::app) << test::text_of(lines); }
};

Flops exact(std::int64_t sequences, Pass pass, const std::optional<PairCount>& pairs = {}) {
  const RunConfig config = test::parsed(configuration);
  return flops_by_convention(config.model, {sequences, config.model.sequence, pairs}, pass).at("exact");
}

}  // namespace

TEST_CASE("watch_reader: curves are those of the surviving lineage, saves and notes are counted") {
  const Run run;
  WatchReader reader(run.folder.path());
  CHECK(reader.read().losses.values.empty());
  run.attempt(1, 0);
  for (int step = 1; step <= 4; ++step) run.step(1, step, "9");
  run.event(R"("save","attempt":1,"step":2,"seconds":4.5,"blocked":0.5)");
  run.event(R"("evaluation","attempt":1,"step":2,"loss":8,"sequences":4)");
  run.event(R"("evaluation","attempt":1,"step":4,"loss":7,"sequences":4)");
  const WatchView& view = reader.read();
  CHECK(view.losses.steps.size() == 4);
  CHECK(view.quiet->value < 60);
  run.attempt(2, 2);
  run.step(2, 3, "3");
  run.step(2, 4, "null");
  run.event(R"("save_failed","attempt":2,"step":4,"why":"no space")");
  run.event(R"("straggler","attempt":2,"step":4,"rank":3,"host":"node3","ratio":1.5)");
  run.event(R"("slow_rank","attempt":2,"step":4,"rank":3)");
  reader.read();
  CHECK(view.losses.steps == std::vector<std::int64_t>{1, 2, 3, 4});
  CHECK(view.losses.values.at(2) == 3);
  CHECK(std::isnan(view.losses.values.at(3)));
  CHECK(view.validation.values == std::vector<double>{8});
  CHECK(view.from_step == 2);
  CHECK(view.mesh == "dp=2 tp=2");
  CHECK(view.ranks == 4);
  CHECK(view.saves == 1);
  CHECK(view.failed_saves == 1);
  CHECK(view.newest_save->step == 2);
  CHECK(view.newest_save->blocked.value == 0.5);
  CHECK(view.notes == std::vector<std::string>{"step 4: NOT saved: no space",
                                               "step 4: rank 3 on node3 keeps the others waiting: busy 1.50 times as long",
                                               R"(slow_rank {"rank":3,"step":4})"});
  run.event(R"("return","attempt":2,"step":4,"to_step":1,"why":"not finite")");
  run.event(R"("end","attempt":2,"step":1,"code":86,"reason":"stopped")");
  reader.read();
  CHECK(view.losses.steps == std::vector<std::int64_t>{1});
  CHECK(view.validation.values.empty());
  CHECK(view.notes.at(3) == "step 4: back to step 1: not finite");
  CHECK(view.notes.at(4) == "step 1: attempt 2 ended with 86: stopped");
}

TEST_CASE("watch_reader: what is spent is the ledger's of earlier attempts and the events' of this one") {
  const Run run;
  run.ledger({test::attempt_start(1), test::interval(1, 0, 10)});
  run.attempt(1, 0);
  for (int step = 1; step <= 12; ++step) run.step(1, step, "3");
  WatchReader reader(run.folder.path());
  CHECK(reader.read().spent == to_pfs_days(exact(12 * 8, Pass::training)));  // not the ledger's 10 steps and these once more
  AttemptStart second = test::attempt_start(2, 1, 10);
  second.peak = {1e6};
  run.ledger({test::interval(1, 10, 12), second});
  run.attempt(2, 10);
  run.step(2, 11, "3", R"(,"visible_pairs":100,"computed_pairs":200)");
  run.step(2, 12, "3", R"(,"visible_pairs":300,"computed_pairs":400)");
  run.event(R"("evaluation","attempt":2,"step":12,"loss":7,"sequences":16,"seconds":1,"visible_pairs":50,"computed_pairs":60)");
  const Flops booked = Flops{8} * 12;  // of a step of test::interval, evaluation included
  const Flops training = exact(16, Pass::training, PairCount{400, 600}), evaluation = exact(16, Pass::evaluation, PairCount{50, 60});
  const WatchView& view = reader.read();
  CHECK(view.spent == to_pfs_days(booked + training + evaluation));
  CHECK(view.status.tokens_per_second == Approx(512));
  CHECK(*view.mfu == Approx(to_double(training) / 2 / 0.5 / (4 * 1e6)));
  CHECK(view.status.data_wait == Approx(0.25));
}

TEST_CASE("watch_reader: processes of this machine, and the log of rank 0") {
  const Run run;
  run.attempt(1, 0);
  WatchReader reader(run.folder.path());
  const WatchView& view = reader.read();
  CHECK_FALSE(view.ranks_visible);
  CHECK(view.log_name.empty());
  const auto lock = [&](const ProcessIdentity& who) {
    const nlohmann::json record = {{"host", who.host}, {"boot", who.boot},   {"pid_namespace", who.pid_namespace},
                                   {"pid", who.pid},   {"start", who.start}, {"job", ""}};
    test::write_file(run.folder / "lock.a0001", record.dump());
  };
  ProcessIdentity owner = this_process();
  lock(owner);
  reader.read();
  CHECK(view.ranks_visible);
  CHECK(view.processes.at(0).pid == owner.pid);
  owner.boot = "another machine";
  lock(owner);
  reader.read();
  CHECK(view.status.state == RunStatus::State::running);
  CHECK_FALSE(view.ranks_visible);
  CHECK(view.processes.empty());

  std::filesystem::create_directories(run.folder / "logs/start/1/rank.00");
  test::write_file(run.folder / "logs/start/1/rank.00/stdout", "older\n");
  std::filesystem::last_write_time(run.folder / "logs/start/1/rank.00/stdout",
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  test::write_file(run.folder / "logs/start/1/rank.00/stderr", "one\ntwo\n");
  reader.read();
  CHECK(view.log_name == "logs/start/1/rank.00/stderr");
  CHECK(view.log == std::vector<std::string>{"one", "two"});
}

TEST_CASE("watch_reader: a long file is read in parts, and a curve is cut where it says") {
  const Run run;
  run.attempt(1, 0);
  for (int step = 1; step <= 50; ++step) run.step(1, step, "2.5");
  WatchReader reader(run.folder.path());
  CHECK(reader.read(100).share_read < 1);
  int reads = 1;
  while (reader.read(1000).share_read < 1) ++reads;
  CHECK(reads > 3);
  CHECK(reader.read().losses.values.size() == 50);

  Curve curve;
  for (const int step : {1, 2, 5}) curve.add(step, step);
  curve.cut_after(4);
  CHECK(curve.steps == std::vector<std::int64_t>{1, 2});
  curve.cut_after(0);
  CHECK(curve.values.empty());
}

TEST_CASE("watch_reader: a ledger or events that are none are refused at their line") {
  const Run run;
  run.attempt(1, 0);
  run.ledger({test::attempt_start(1)});
  WatchReader reader(run.folder.path());
  reader.read();
  std::ofstream(run.folder / "ledger.jsonl", std::ios::app) << "{}\n";
  CHECK(test::refusal([&] { reader.read(); }).find("ledger.jsonl (behind line 1):1") != std::string::npos);
  std::filesystem::remove_all(run.folder.path());
  CHECK(test::refusal([&] { reader.read(); }).find("there is no such run folder") != std::string::npos);
}
