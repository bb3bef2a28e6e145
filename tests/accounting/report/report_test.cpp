// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/report.hpp"

#include "configs/error.hpp"
#include "tests/accounting/ledgers.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using Catch::Matchers::Contains;

namespace {

AttemptStart with_peak(AttemptStart start) {
  start.peak = {1e21};
  start.peak_source = "data sheet";
  return start;
}

std::string event(const char* kind, int attempt, int step, const std::string& loss) {
  return fmt::format(R"({{"event":"{}","attempt":{},"step":{},"loss":{}}})", kind, attempt, step, loss) + "\n";
}

std::string refusal(const WrittenRun& run) {
  try {
    read_run(run.path());
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    CHECK_FALSE(error.hint().empty());
    return error.where() + ": " + error.problem();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("MFU divides model FLOPs by peak x devices x training time, HFU what was executed") {
  WrittenRun run;
  run.write("ledger.jsonl",
            text_of({with_peak(attempt_start(1)), interval(1, 0, 10), with_peak(attempt_start(2, 1, 10)), interval(2, 10, 20)}));
  const RunReport report = read_run(run.path());
  // 20 steps of 0.75 s on 4 devices.
  CHECK(*report.mfu.at("6n") == Approx(20e22 / (1e21 * 4 * 15)));
  CHECK(*report.mfu.at("exact") == Approx(140 / (1e21 * 4 * 15)));
  CHECK(*report.hfu.at("6n") == Approx(220 / (1e21 * 4 * 15)));
  CHECK(report.hfu.at("exact") == report.hfu.at("6n"));
  CHECK(*report.tokens_per_second == Approx(1280 / 15.0));
  CHECK(report.reason.count("mfu.6n") == 0);
}

TEST_CASE("an unknown peak leaves MFU and HFU empty, with the reason the trainer gave") {
  WrittenRun run;
  run.write("ledger.jsonl", text_of({with_peak(attempt_start(1)), interval(1, 0, 10), attempt_start(2, 1, 10), interval(2, 10, 20)}));
  RunReport report = read_run(run.path());
  CHECK_FALSE(report.mfu.at("6n").has_value());
  CHECK_FALSE(report.hfu.at("exact").has_value());
  CHECK(report.reason.at("mfu.6n") == "peak unknown: accounting.peak is empty");
  CHECK(report.reason.at("hfu.exact") == "peak unknown: accounting.peak is empty");
  AttemptStart silent = attempt_start(1);
  silent.peak_source.clear();
  run.write("ledger.jsonl", text_of({silent, interval(1, 0, 10)}));
  CHECK(read_run(run.path()).reason.at("mfu.exact") == "peak unknown: name the device in accounting.peak");
  // An attempt that never trained needs no peak.
  run.write("ledger.jsonl", text_of({with_peak(attempt_start(1)), interval(1, 0, 10), attempt_start(2, 1, 10)}));
  CHECK(read_run(run.path()).mfu.at("6n").has_value());
}

TEST_CASE("without training time there is no speed") {
  WrittenRun run;
  run.write("ledger.jsonl", text_of({with_peak(attempt_start(1)), interval(1, 0, 0)}));
  const RunReport report = read_run(run.path());
  CHECK_FALSE(report.tokens_per_second.has_value());
  CHECK(report.reason.at("tokens_per_second") == "no training time was booked");
  CHECK(report.reason.at("mfu.6n") == "no training time was booked");
}

TEST_CASE("losses are those of the kept lineage, the latest, whatever stands in the torn last line") {
  WrittenRun run;
  run.write("ledger.jsonl", text_of({attempt_start(1), interval(1, 0, 5), interval(1, 5, 8), attempt_start(2, 1, 5), interval(2, 5, 7)}));
  run.write("events.jsonl", event("start", 1, 0, "0") + event("step", 1, 5, "3.5") + event("evaluation", 1, 5, "3.25") +
                                event("step", 1, 8, "1.0") + event("evaluation", 1, 8, "1.0") + event("step", 1, 9, "1.0") +
                                event("step", 2, 6, "3.0") + event("step", 2, 7, "null") + event("step", 9, 6, "0.5") +
                                event("step", 2, 8, "0.25") + "{\"event\":\"st");
  const RunReport report = read_run(run.path());
  REQUIRE(report.training_loss);
  CHECK(report.training_loss->step == 6);
  CHECK(report.training_loss->loss == 3.0);
  REQUIRE(report.validation_loss);
  CHECK(report.validation_loss->step == 5);
  CHECK(report.validation_loss->loss == 3.25);
  CHECK(report.unbooked_steps == 2);  // step 9 of attempt 1, step 8 of attempt 2
}

TEST_CASE("what was had of each source is that of the newest data event of the kept lineage") {
  const auto data = [](int attempt, int step, int tokens) {
    return fmt::format(R"({{"event":"data","attempt":{},"step":{},"padding":0.25,"retried_reads":0,"sources":[{{"name":"a.h5","uuid":"u",)"
                       R"("samples":1,"tokens":{},"unique_tokens":1000,"epochs":{}}}]}})",
                       attempt, step, tokens, tokens / 1000.0) +
           "\n";
  };
  WrittenRun run;
  const std::string ledger =
      text_of({attempt_start(1), interval(1, 0, 50), interval(1, 50, 80), attempt_start(2, 1, 50), interval(2, 50, 100)});
  run.write("ledger.jsonl", ledger).write("events.jsonl", data(1, 50, 500) + data(1, 80, 800) + data(2, 100, 1500));
  const RunReport report = read_run(run.path());
  REQUIRE(report.sources.size() == 1);
  CHECK(report.sources[0].name == "a.h5");
  CHECK(report.sources[0].tokens == 1500);
  CHECK(report.sources[0].unique_tokens == 1000);
  CHECK(report.sources[0].epochs == 1.5);
  CHECK(report.padding == 0.25);

  run.write("events.jsonl", data(1, 50, 500) + data(1, 80, 800));
  CHECK(read_run(run.path()).sources[0].tokens == 500);
  run.write("events.jsonl", "{\"event\":\"data\",\"attempt\":1,\"step\":50}\n");
  CHECK_THAT(refusal(run), Contains("events.jsonl:1: this event does not say what was had of each source"));
}

TEST_CASE("how attempts ended is read from events.jsonl and from the records of the watchdog, and stands beside them") {
  WrittenRun run;
  run.write("ledger.jsonl",
            text_of({attempt_start(1), interval(1, 0, 5), attempt_start(2, 1, 5), interval(2, 5, 7), attempt_start(3, 2, 7)}))
      .write("events.jsonl", R"({"event":"end","attempt":1,"step":5,"code":85,"cause":"time"})"
                             "\n");
  std::filesystem::create_directories(run.path() + "/flight/attempt_0002");
  const RunReport report = read_run(run.path());
  CHECK(report.ends == std::vector{EndCause::saved_before_time, EndCause::stuck, EndCause::open});
  CHECK_THAT(report_text({report}), Contains("dp=2 tp=2; saved before the end of its time\n") && Contains("dp=2 tp=2; no end yet\n"));
  CHECK_THAT(report_text({report}), Contains("restarts     2: 1 saved before the end of its time, 1 stuck: a rank was missing\n"));
  run.write("events.jsonl", "{\"event\":\"end\"}\n");
  CHECK_THAT(refusal(run), Contains("events.jsonl:1: this end does not say of which attempt"));
}

TEST_CASE("what saves cost is read from events.jsonl, and stands on the page") {
  WrittenRun run;
  const auto step = [](int number, double seconds) {
    return fmt::format(R"({{"event":"step","attempt":1,"step":{},"loss":1,"seconds":{}}})", number, seconds) + "\n";
  };
  run.write("ledger.jsonl", text_of({attempt_start(1), interval(1, 0, 5)}));
  run.write("events.jsonl",
            step(1, 1) + step(2, 1.5) + "{\"event\":\"save\",\"attempt\":1,\"step\":1,\"blocked\":0.25,\"write\":1.25}\n" + step(3, 1));
  const RunReport report = read_run(run.path());
  CHECK((report.saves.beside == 1 && report.saves.steps_beside == 1 && report.saves.blocked.value == 0.25));
  const std::string page = report_text({report});
  CHECK_THAT(page, Contains("training stood still for 0.25 s of 1.25 s of writing") && Contains("1.50 times as long"));
}

TEST_CASE("a run that is still going, or was killed, says so; one that ended says how") {
  WrittenRun run;
  run.write("ledger.jsonl", text_of({attempt_start(1), interval(1, 0, 5)}));
  RunReport report = read_run(run.path());
  CHECK(report.outcome.empty());
  CHECK_THAT(report.reason.at("outcome"), Contains("no result.json"));
  CHECK(report.reason.count("loss.training") == 1);
  CHECK(report.reason.count("loss.validation") == 1);
  CHECK(report.config.empty());
  run.write("result.json", R"({"reason":"target reached","step":5,"code":0})").write("config.toml", "[run]\n");
  report = read_run(run.path());
  CHECK(report.outcome == "target reached at step 5 (exit code 0)");
  CHECK(report.config == "[run]\n");
  CHECK(report.reason.count("outcome") == 0);
  run.write("result.json", "{}");
  CHECK(read_run(run.path()).outcome == "ended");
}

TEST_CASE("what cannot be read is refused, naming the folder or the line") {
  WrittenRun run;
  CHECK(refusal(run) == run.path() + ": there is no ledger.jsonl in '" + run.path() + "'");
  run.write("ledger.jsonl", "");
  CHECK_THAT(refusal(run), Contains("the ledger holds no attempt"));
  run.write("ledger.jsonl", "nonsense\n");
  CHECK_THAT(refusal(run), Contains("ledger.jsonl:1: this is not a line of a ledger"));
  run.write("ledger.jsonl", text_of({interval(1, 0, 5)}));
  CHECK_THAT(refusal(run), Contains("attempt 1 has no start"));
  run.write("ledger.jsonl", text_of({attempt_start(1), interval(1, 0, 5)}));
  run.write("events.jsonl", event("step", 1, 1, "2") + "torn\n" + event("step", 1, 2, "2"));
  CHECK_THAT(refusal(run), Contains("events.jsonl:2: this is not JSON"));
  run.write("events.jsonl", "{\"event\":\"step\",\"step\":1,\"loss\":2}\n");
  CHECK_THAT(refusal(run), Contains("events.jsonl:1: this event has no attempt and step"));
  run.write("events.jsonl", "[]\n");
  CHECK_THAT(refusal(run), Contains("events.jsonl:1: this is not JSON of an object"));
  run.write("events.jsonl", "").write("result.json", "{");
  CHECK_THAT(refusal(run), Contains("result.json: this is not JSON"));
}
