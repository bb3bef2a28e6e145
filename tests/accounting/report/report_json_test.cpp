// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "accounting/report/report.hpp"
#include "tests/accounting/ledgers.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using nlohmann::json;

namespace {

json of(const std::vector<const WrittenRun*>& folders) {
  std::vector<RunReport> runs;
  for (const WrittenRun* folder : folders) runs.push_back(read_run(folder->path()));
  return json::parse(report_json(runs));
}

// Every null has its explanation in a sibling `reason`, under the path from there.
void check_nulls(const json& node, const json& reason, const std::string& path) {
  for (const auto& [key, value] : node.items()) {
    const std::string here = path.empty() ? key : path + "." + key;
    if (value.is_null()) {
      INFO(here);
      CHECK(reason.contains(here));
    } else if (value.is_object()) {
      check_nulls(value, reason, here);
    }
  }
}

}  // namespace

TEST_CASE("the JSON of one run has the keys that scripts rely on, with exact figures") {
  WrittenRun run;
  run.write("ledger.jsonl",
            text_of({attempt_start(1), interval(1, 0, 50), interval(1, 50, 80), attempt_start(2, 1, 50), interval(2, 50, 100)}));
  const json all = of({&run});
  CHECK(all["schema"] == "ergon.report.v1");
  REQUIRE(all["runs"].size() == 1);
  const json& one = all["runs"][0];
  CHECK(one["run"] == run.path());
  CHECK(one["attempts"] == 2);
  CHECK(one["steps"] == 100);
  CHECK(one["tokens"] == 6400);
  CHECK(one["parameters"] == json{{"total", 1000}, {"embedding", 300}, {"non_embedding", 700}, {"matmul", 600}});
  CHECK(one["flops"]["exact"] == json{{"spent", "910"}, {"kept", "700"}, {"lost", "210"}});
  CHECK(one["flops"]["6n"]["spent"] == "1300000000000000000000000");
  CHECK(one["evaluation_flops"]["6n"] == json{{"spent", "260"}, {"kept", "200"}, {"lost", "60"}});
  CHECK(one["hardware_flops"] == json{{"gemm", "1040"}, {"attention", "390"}, {"total", "1430"}, {"evaluation", "260"}});
  CHECK(one["pfs_days"]["6n"].get<double>() == Approx(1.3e24 / 8.64e19));
  CHECK(one["goodput"]["6n"].get<double>() == Approx(100.0 / 130));
  CHECK(one["seconds"]["step"] == 65.0);
  CHECK(one["seconds"]["data_wait"] == 32.5);
  CHECK(one["seconds"]["total"].get<double>() == Approx(65 + 32.5 + 3 * 0.125));
  CHECK(one["tokens_per_second"].get<double>() == Approx(130 * 64 / 97.5));
  CHECK(one["mesh"] == "dp=2 tp=2");
  CHECK(one["device"] == "cpu");
  CHECK(one["mfu"]["6n"].is_null());
  CHECK(one["reason"]["mfu.6n"] == "peak unknown: accounting.peak is empty");
  CHECK(one["communication"] == json::array({{{"group", "tp"},
                                              {"operation", "all_reduce"},
                                              {"calls", 260},
                                              {"bytes", "133120"},
                                              {"seconds", 3 * 0.0625},
                                              {"exposed", 3 * 0.03125},
                                              {"axes", "tp"},
                                              {"predicted_calls", 260},
                                              {"predicted_bytes", "133120"},
                                              {"equals_prediction", true}}}));
  CHECK(one["saves"]["beside"] == 0);
  CHECK(one["reason"]["saves.step_seconds_beside"] == "no step in events.jsonl was done beside a save");
  CHECK(one["uncounted_steps"] == 0);
  CHECK(one["attempt_list"][1]["resumed_step"] == 50);
  CHECK(all["total"]["tokens"] == 6400);
  CHECK(all["total"]["flops"] == one["flops"]);
  CHECK(all["total"]["pfs_days"] == one["pfs_days"]);
  check_nulls(one, one["reason"], "");
  CHECK(one["reason"].contains("data"));
  CHECK(one["allocation"]["device_seconds"]["useful"] == 4 * 100 * 0.5);
  CHECK(one["allocation"]["restarts"] == json{{"died", 1}});
  CHECK(one["goodput"]["exact"].get<double>() == Approx(700.0 / 910));  // of FLOPs
  CHECK(one["allocation"]["goodput_of_time"].get<double>() == Approx(200 / (4 * (130 * 0.75 + 3 * 0.125))));

  run.write("events.jsonl", R"({"event":"data","attempt":2,"step":100,"padding":0.0,"retried_reads":0,"sources":[)"
                            R"({"name":"a","uuid":"u","samples":1,"tokens":64,"unique_tokens":128,"epochs":0.5}]})"
                            "\n");
  CHECK(of({&run})["runs"][0]["data"] ==
        json{{"padding", 0.0}, {"sources", {{{"name", "a"}, {"tokens", 64}, {"unique_tokens", 128}, {"epochs", 0.5}}}}});
}

TEST_CASE("a run with a known peak, losses and an outcome has no null and no reason") {
  WrittenRun run;
  AttemptStart start = attempt_start(1);
  start.peak = {1e12};
  start.peak_source = "data sheet";
  start.changes = {{"optimizer.lr", "1", "2"}};
  run.write("ledger.jsonl", text_of({start, interval(1, 0, 2)}))
      .write("events.jsonl",
             "{\"event\":\"step\",\"attempt\":1,\"step\":1,\"loss\":4.5,\"seconds\":1}\n"
             "{\"event\":\"step\",\"attempt\":1,\"step\":2,\"loss\":3.5,\"seconds\":2}\n"
             "{\"event\":\"save\",\"attempt\":1,\"step\":1,\"blocked\":0.5,\"write\":1}\n{\"event\":\"evaluation\",\"attempt\":1,\"step\":"
             "2,\"loss\":3.25}\n")
      .write("result.json", "{\"reason\":\"target reached\"}");
  const json one = of({&run})["runs"][0];
  // A run before the sources of data were noted, before stamps, and before ranks were compared.
  CHECK(one["reason"].size() == 3);
  check_nulls(one, json{{"data", ""}, {"allocation.queue_wait_seconds", ""}, {"ranks", ""}}, "");
  CHECK(one["peak"] == json{{"flops_per_second", 1e12}, {"source", "data sheet"}});
  CHECK(one["loss"]["training"] == json{{"step", 2}, {"loss", 3.5}});
  CHECK(one["loss"]["validation"]["loss"] == 3.25);
  CHECK((one["saves"]["step_seconds_beside"] == 2.0 && one["saves"]["step_seconds_alone"] == 1.0));
  CHECK(one["outcome"] == "target reached");
  CHECK(one["attempt_list"][0]["changes"][0]["key"] == "optimizer.lr");
}

TEST_CASE("a run that has spent nothing explains every null") {
  WrittenRun run;
  AttemptStart start = attempt_start(1);
  start.peak_source.clear();
  run.write("ledger.jsonl", text_of({start, interval(1, 0, 0)}));
  const json one = of({&run})["runs"][0];
  CHECK(one["goodput"]["6n"].is_null());
  CHECK(one["tokens_per_second"].is_null());
  check_nulls(one, one["reason"], "");
}

TEST_CASE("communication without a prediction says why, and a difference is false") {
  WrittenRun run;
  Interval line = interval(1, 0, 2), recovered = interval(1, 2, 5);
  line.communication.push_back({"control", "broadcast", 3, {100}, {0.5}, {0.5}});
  line.predicted->front().bytes = {1};
  recovered.communication.clear();
  recovered.predicted.reset();
  run.write("ledger.jsonl", text_of({attempt_start(1), line, recovered}));
  const json one = of({&run})["runs"][0];
  CHECK(one["communication"][0]["group"] == "control");
  CHECK(one["communication"][0]["predicted_bytes"].is_null());
  CHECK(one["communication"][0]["equals_prediction"].is_null());
  CHECK_FALSE(one["reason"]["communication[0]"].get<std::string>().empty());
  CHECK(one["communication"][1]["equals_prediction"] == false);
  CHECK(one["uncounted_steps"] == 3);
  check_nulls(one, one["reason"], "");
}

TEST_CASE("with stamps, accounts and compared ranks there is no null in what they fill") {
  WrittenRun run;
  AttemptStart start = attempt_start(1);
  start.allocation = AllocationStamp{{100}, 6, "7", 0, {}, {}};
  Interval line = interval(1, 0, 20);
  line.closed = {200};
  line.skew = RankSkew{19, {1}, {2}, {3}, 1.5, 2, "node1"};
  run.write("ledger.jsonl", text_of({start, line}))
      .write("events.jsonl", R"({"event":"end","attempt":1,"code":85,"cause":"signal"})"
                             "\n");
  RunReport report = read_run(run.path());
  CHECK(jobs_of(report) == std::vector<std::string>{"7"});
  CHECK(report.reason.contains("allocation.queue_wait_seconds"));
  use_job_records(report, {{"7", "PREEMPTED", {50}, {90}, {210}}});
  const json one = json::parse(report_json({report}))["runs"][0];
  CHECK(one["allocation"]["device_seconds"]["allocated"] == 6 * 120.0);
  CHECK(one["allocation"]["queue_wait_seconds"] == 40.0);
  CHECK(one["allocation"]["attempts"][0]["end"] == "saved_preempted");
  CHECK(one["ranks"]["stragglers"][0]["rank"] == 2);
  CHECK_FALSE(one["reason"].contains("ranks"));
  check_nulls(one, one["reason"], "");
  CHECK_FALSE(one["reason"].contains("allocation.queue_wait_seconds"));
}

TEST_CASE("what becomes known by the accounts has no reason any more") {
  WrittenRun run;
  AttemptStart start = attempt_start(1);
  start.allocation = AllocationStamp{{100}, 4, "7", 0, {}, {}};
  run.write("ledger.jsonl", text_of({start}));
  RunReport report = read_run(run.path());
  CHECK(report.reason.at("allocation.goodput_of_time") == "nothing was allocated");
  use_job_records(report, {{"7", "FAILED", {50}, {90}, {210}}});
  CHECK_FALSE(report.reason.contains("allocation.goodput_of_time"));
}

TEST_CASE("several runs add up") {
  WrittenRun a, b;
  a.write("ledger.jsonl", text_of({attempt_start(1), interval(1, 0, 3)}));
  b.write("ledger.jsonl", text_of({attempt_start(1), interval(1, 0, 4), attempt_start(2), interval(2, 0, 1)}));
  const json all = of({&a, &b});
  CHECK(all["runs"].size() == 2);
  CHECK(all["total"]["flops"]["exact"] == json{{"spent", "56"}, {"kept", "28"}, {"lost", "28"}});
  CHECK(all["total"]["tokens"] == 4 * 64);
  CHECK(all["total"]["pfs_days"]["6n"].get<double>() == Approx(8e22 / 8.64e19));
}
