// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/report.hpp"
#include "tests/accounting/ledgers.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using Catch::Matchers::Contains;

namespace {

std::string page(const std::vector<const WrittenRun*>& folders) {
  std::vector<RunReport> runs;
  for (const WrittenRun* folder : folders) runs.push_back(read_run(folder->path()));
  return report_text(runs);
}

}  // namespace

TEST_CASE("the page shows spent, kept and lost beside the convention, and explains what it could not know") {
  WrittenRun run;
  AttemptStart second = attempt_start(2, 1, 50);
  second.changes = {{"mesh.tp", "1", "2"}};
  second.torn_lines = 1;
  run.write("ledger.jsonl", text_of({attempt_start(1), interval(1, 0, 50), interval(1, 50, 80), second, interval(2, 50, 100)}))
      .write(
          "events.jsonl",
          "{\"event\":\"step\",\"attempt\":2,\"step\":100,\"loss\":3.5}\n{\"event\":\"step\",\"attempt\":2,\"step\":101,\"loss\":3.5}\n");
  const std::string text = page({&run});
  CHECK_THAT(text, Contains("Run " + run.path()) && Contains("dp=2 tp=2 on 4 x cpu, 4 ranks"));
  CHECK_THAT(text, Contains("100 kept, 30 lost, in 2 attempts") && Contains("1 at 50") && Contains("mesh.tp: 1 -> 2"));
  CHECK_THAT(text, Contains("6n               1.3e+24       1e+24       3e+23    76.9 %"));
  CHECK_THAT(text, Contains("exact                910         700         210    76.9 %"));
  CHECK_THAT(text, Contains("hardware            1430 = 1040 in matrix products + 390 in attention") && Contains("260 more in evaluation"));
  CHECK_THAT(text, Contains("MFU, HFU     peak unknown: accounting.peak is empty"));
  CHECK_THAT(text, Contains("training 3.5000 at step 100, validation unknown") && Contains("no result.json"));
  CHECK_THAT(text, Contains("1 step after the last ledger line of an attempt") && Contains("1 torn last line of the ledger ignored"));
  CHECK_THAT(text, Contains("tokens/s     85") && Contains("data wait") && Contains("start-up"));
  CHECK_THAT(text, Contains("  tp        tp            all_reduce             260    130.0 KiB   130.0 KiB ="));
  CHECK_THAT(text, Contains("predicted") && Contains("exposed") && !Contains("DIFFERS"));
  CHECK_THAT(text, Contains("Legend") && Contains("6 N a token") && Contains("lost: steps done after the checkpoint"));
  CHECK(text.find("All ") == std::string::npos);
  CHECK(text.find("palm") == std::string::npos);  // the run booked none
}

TEST_CASE("the page shows tokens and epochs of each source, and padding where there is any") {
  WrittenRun run;
  run.write("ledger.jsonl", text_of({attempt_start(1), interval(1, 0, 50)}))
      .write("events.jsonl", R"({"event":"data","attempt":1,"step":50,"padding":0.125,"retried_reads":0,"sources":[)"
                             R"({"name":"a.h5","uuid":"u","samples":1,"tokens":1234567,"unique_tokens":1000000,"epochs":1.234567}]})"
                             "\n");
  CHECK_THAT(page({&run}), Contains("Data, kept") && Contains("1,234,567        1,000,000    1.235  a.h5") &&
                               Contains("padding of packed samples: 12.5 % of all positions"));
}

TEST_CASE("with a known peak the page shows MFU by convention, HFU and the peak's source") {
  WrittenRun run;
  AttemptStart start = attempt_start(1);
  start.peak = {1e22};
  start.peak_source = "data sheet";
  Interval line = interval(1, 0, 10);
  line.communication.clear();
  line.predicted = CommunicationVolumes{};
  run.write("ledger.jsonl", text_of({start, line}));
  const std::string text = page({&run});
  CHECK_THAT(text, Contains("MFU 6n       33.3 %") && Contains("HFU          0.0 %") && Contains("1e+22 FLOP/s a device: data sheet"));
  CHECK_THAT(text, Contains("Communication: none") && Contains("in 1 attempt\n"));
  CHECK(text.find("resumed from") == std::string::npos);
}

TEST_CASE("a run without training time shows why it has no speed, and several runs end in their sum") {
  WrittenRun a, b;
  a.write("ledger.jsonl", text_of({attempt_start(1), interval(1, 0, 0)}));
  b.write("ledger.jsonl", text_of({attempt_start(1), interval(1, 0, 5)}) + "{");
  const std::string text = page({&a, &b});
  CHECK_THAT(text, Contains("tokens/s     no training time was booked") && Contains("All 2 runs: 320 tokens kept") && Contains("5e+22"));
}

TEST_CASE("a row that differs from its prediction says by how much, a row without one why, and uncounted steps are named") {
  WrittenRun run;
  Interval line = interval(1, 0, 10), recovered = interval(1, 10, 11);
  line.communication[0].calls = 21;
  line.communication.push_back({"control", "broadcast", 3, {100}, {0.5}, {0.5}});
  recovered.communication.clear();
  recovered.predicted.reset();
  run.write("ledger.jsonl", text_of({attempt_start(1), line, recovered}));
  const std::string text = page({&run});
  CHECK_THAT(text, Contains("10.0 KiB !"));
  CHECK_THAT(text, Contains("  DIFFERS      tp all_reduce: counted 21 calls, 10,240 bytes; predicted 20 calls, 10,240 bytes\n"));
  CHECK_THAT(text, Contains("  all       control       broadcast                3        100 B             -"));
  CHECK_THAT(text, Contains("  control has no prediction: what ranks agree on"));
  CHECK_THAT(text, Contains("  1 step of a killed process is in no row: the counts died with it\n"));
}
