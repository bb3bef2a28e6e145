// SPDX-License-Identifier: Apache-2.0
#include "trainer/attempt.hpp"

#include "parallel/communicator_local.hpp"
#include "tests/trainer/tiny_run.hpp"
#include "trainer/attention/plain.hpp"
#include "trainer/attention/tiled.hpp"
#include "trainer/booking.hpp"
#include "trainer/events.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TinyRun;

namespace {

Attempt begin(const RunConfig& config, const ResumeOptions& options = {}) {
  ergon::test::InspectingStorage storage;
  const auto world = std::move(make_local_group(1).front());
  return begin_attempt(config, options, storage, *world).attempt;
}

void expect_error(const RunConfig& config, const ResumeOptions& options, ExitCode code, const std::string& names) {
  try {
    begin(config, options);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == code);
    CHECK_THAT(error.what(), Catch::Contains(names));
  }
}

}  // namespace

TEST_CASE("attempts are numbered, and a claim alone changes no file of the run") {
  const TinyRun tiny;
  const RunConfig config = tiny.config();
  const Attempt first = begin(config);
  CHECK(first.number == 1);
  CHECK_FALSE(first.started_before);
  CHECK(begin(config).number == 2);
  CHECK_FALSE(std::filesystem::exists(config.run.folder + "/config.toml"));
}

TEST_CASE("fixed keys are refused, recorded ones need a word, free ones pass") {
  const TinyRun tiny;
  tiny.run(tiny.config());
  expect_error(tiny.config({"run.seed=2"}), {}, ExitCode::data, "run.seed");
  expect_error(tiny.config({"optimizer.lr=2e-2"}), {}, ExitCode::config, "optimizer.lr");
  CHECK(begin(tiny.config({"checkpoint.keep=7"})).changes.empty());
  ResumeOptions allowed;
  allowed.allow_change = {"optimizer.lr", "train.steps"};
  const Attempt attempt = begin(tiny.config({"optimizer.lr=2e-2", "train.steps=9"}), allowed);
  CHECK(attempt.changes.size() == 2);
}

TEST_CASE("a finished run claims no attempt; a fresh one takes a folder beside it") {
  const TinyRun tiny;
  const RunConfig config = tiny.config();
  tiny.run(config);
  CHECK(begin(config).finished);
  ResumeOptions fresh;
  fresh.fresh = true;
  const Attempt attempt = begin(config, fresh);
  CHECK(attempt.folder == config.run.folder + "-2");
  CHECK(attempt.number == 1);
}

TEST_CASE("a folder in use is refused after the owner has shown life, before anything is changed") {
  const TinyRun tiny;
  const RunConfig config = tiny.config();
  ergon::test::InspectingStorage storage;
  const LockTiming quick{{0.02}, {5}, {0.01}, {1}};
  const RunLock owner(storage, config.run.folder, quick);
  const auto world = std::move(make_local_group(1).front());
  CHECK_THROWS_WITH(begin_attempt(config, {}, storage, *world, quick), Catch::Contains("another process is training in this folder"));
  CHECK_FALSE(std::filesystem::exists(config.run.folder + "/attempts/a0002"));
  owner.check();
}

TEST_CASE("steps that the ledger lacks are recovered from the events, with the mesh and the kernel that did them") {
  const TinyRun tiny;
  tiny.run(tiny.config());
  // As if it had been this run: long enough that kernels differ in the tiles they skip.
  const RunConfig config = tiny.config({"mesh.tp=2", "train.batch=4", "model.sequence=128"});
  ergon::test::InspectingStorage storage;
  storage.write_text(config.run.folder + "/config.toml", to_toml(config));
  const PlainAttention present;
  CHECK(unbooked_work(config.run.folder, storage, present).empty());
  EventLog(storage, config.run.folder + "/events.jsonl").step({1, 7, 2.0, 1.0, false, false, 1e-3, 64, 50, 0.5, 0.1});

  const auto recovered = [&] {
    const std::vector<LedgerLine> lines = unbooked_work(config.run.folder, storage, present);
    REQUIRE(lines.size() == 1);
    return std::get<Interval>(lines.front());
  };
  const auto predicted = [&](const LocalAttention& kernel) {
    TimeSplit seconds;
    seconds.step = {0.5 - 0.1};
    seconds.data_wait = {0.1};
    return recovered_interval(config, kernel.tiles(), 1, 6, 7, Tokens{50}, 0, seconds);
  };
  CHECK(recovered() == predicted(TiledAttention(64, 64)));
  CHECK(recovered().tokens.value == 4 * 128);
  CHECK(recovered().training.gemm !=
        recovered_interval(tiny.config({"train.batch=4", "model.sequence=128"}), {}, 1, 6, 7, {}, 0, {}).training.gemm);

  const std::string path = config.run.folder + "/events.jsonl", tiled = R"("attention":"tiled")";
  const auto with_kernel = [&](const std::string& text) {
    std::string events = storage.read_text(path);
    const std::size_t at = events.find(tiled), sum = events.find(",\"sha256\":", at);
    events.erase(sum, events.find('}', sum) - sum);  // as older versions wrote it
    return events.replace(at, tiled.size(), text);
  };
  const std::string plain = with_kernel(R"("attention":"plain")"), none = with_kernel(R"("kernel":"none")");
  for (const std::string& events : {plain, none}) {
    storage.write_text(path, events);
    CHECK(recovered() == predicted(present));
  }
  CHECK(predicted(present) != predicted(TiledAttention(64, 64)));
}
