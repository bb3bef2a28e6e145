// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/run_rows.hpp"

#include "accounting/scaling/envelope_fit.hpp"
#include "configs/error.hpp"
#include "configs/key_table.hpp"
#include "configs/run_config.hpp"
#include "configs/sha256.hpp"
#include "tests/accounting/ledgers.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using Catch::Matchers::Contains;

namespace {

// A run of `steps` steps, of the ledger's 64 tokens and 7 `exact` FLOPs each, that evaluated 16 sequences every 5 steps.
struct Sample {
  std::int64_t steps = 10, planned = 10, matmul = 600, evaluated = 16, sequence = 32;
  std::string tokenizer = "aaaa", validation = "bbbb", train = "cccc";
  LrSchedule schedule = LrSchedule::cosine;
  std::int64_t decay_steps = 0;
  double floor = 3;  // the loss at step s is floor + 1 / s, validation a tenth more
};

std::string step_line(int attempt, std::int64_t step, const std::string& loss) {
  return fmt::format(R"({{"event":"step","attempt":{},"step":{},"loss":{},"tokens":64}})", attempt, step, loss) + "\n";
}

std::string evaluation_line(int attempt, std::int64_t step, const std::string& loss, std::int64_t sequences = 16) {
  return fmt::format(R"({{"event":"evaluation","attempt":{},"step":{},"loss":{},"sequences":{}}})", attempt, step, loss, sequences) + "\n";
}

std::string attempt_line(int attempt, const Sample& sample) {
  return fmt::format(
             R"({{"event":"attempt","attempt":{},"from_step":0,"data":{{"tokenizer":"{}","train":"{}","train_tokens":320,"validation":"{}"}}}})",
             attempt, sample.tokenizer, sample.train, sample.validation) +
         "\n";
}

std::string config_of(const Sample& sample) {
  RunConfig config;
  config.data.train = {"tokens.h5"};
  config.train.steps = sample.planned;
  config.optimizer.warmup = 1;
  config.optimizer.schedule = sample.schedule;
  config.optimizer.decay_steps = sample.decay_steps;
  config.model.sequence = sample.sequence;
  return to_toml(config);
}

void write_run(WrittenRun& run, const Sample& sample) {
  AttemptStart start = attempt_start(1);
  start.parameters.matmul = sample.matmul;
  std::string events = attempt_line(1, sample);
  for (std::int64_t step = 1; step <= sample.steps; ++step) {
    const double loss = sample.floor + 1.0 / static_cast<double>(step);
    events += step_line(1, step, fmt::format("{}", loss));
    if (step % 5 == 0) events += evaluation_line(1, step, fmt::format("{}", loss + 0.1), sample.evaluated);
  }
  run.write("ledger.jsonl", text_of({start, interval(1, 0, sample.steps)})).write("events.jsonl", events);
  run.write("config.toml", config_of(sample));
}

std::string rows_refusal(const std::vector<std::string>& runs) {
  try {
    rows_of_runs(runs, ParametersAs::matmul);
  } catch (const Error& error) {
    CHECK_FALSE(error.hint().empty());
    return error.problem();
  }
  return "accepted";
}

std::string difference(const Sample& other) {
  WrittenRun one, two;
  write_run(one, {});
  write_run(two, other);
  const std::string said = rows_refusal({one.path(), two.path()});
  CHECK_THAT(said, Contains("runs '" + one.path() + "' and '" + two.path() + "' do not mix"));
  return said.substr(said.find(": ") + 2);
}

std::vector<std::string> warnings_of(const Sample& sample) {
  WrittenRun run;
  write_run(run, sample);
  return rows_of_runs({run.path()}, ParametersAs::matmul).ends.warnings;
}

}  // namespace

TEST_CASE("a run is one row: N of the ledger, kept tokens, kept exact FLOPs, the last validation loss") {
  WrittenRun run;
  write_run(run, {});
  const RunRows rows = rows_of_runs({run.path()}, ParametersAs::matmul);
  REQUIRE(rows.ends.rows.size() == 1);
  const FitRow& row = rows.ends.rows[0];
  CHECK(row.row == 1);
  CHECK(row.parameters == 600);
  CHECK(row.tokens == 640);
  CHECK(row.flops == 70);
  CHECK(row.loss == Approx(3.2));
  CHECK(row.run == run.path());
  CHECK(row.step == 10);
  CHECK(row.unique_tokens == 320);
  CHECK(rows.ends.warnings.empty());
  CHECK(rows.ends.definitions.parameters == "matmul");
  CHECK(rows.ends.definitions.compute == "exact");
  CHECK(rows.ends.definitions.tokenizer == "aaaa");
  CHECK(rows.ends.definitions.data_set == "cccc");
  CHECK(rows.ends.input_sha256 == sha256_hex(read_file(run.path() + "/ledger.jsonl") + read_file(run.path() + "/events.jsonl")));
}

TEST_CASE("--n decides what N counts, and the definitions say so") {
  WrittenRun run;
  write_run(run, {});
  const RunRows total = rows_of_runs({run.path()}, parameters_as("total"));
  CHECK(total.ends.rows[0].parameters == 1000);
  CHECK(total.curves.definitions.parameters == "total");
  CHECK(rows_of_runs({run.path()}, parameters_as("non_embedding")).ends.rows[0].parameters == 700);
  CHECK(parameters_as("matmul") == ParametersAs::matmul);
  CHECK_THROWS_WITH(parameters_as("params"), Contains("'params' is no count of parameters"));
}

TEST_CASE("the curve of a run: tokens and FLOPs up to each step, without steps whose loss was not finite") {
  WrittenRun run;
  write_run(run, {});
  std::string events = read_file(run.path() + "/events.jsonl");
  const std::string third = step_line(1, 3, fmt::format("{}", 3 + 1.0 / 3));
  events.replace(events.find(third), third.size(), step_line(1, 3, "null"));
  run.write("events.jsonl", events);
  const FitRows curves = rows_of_runs({run.path()}, ParametersAs::matmul).curves;
  REQUIRE(curves.rows.size() == 9);
  CHECK(curves.rows[1].step == 2);
  CHECK(curves.rows[1].tokens == 128);
  CHECK(curves.rows[2].step == 4);
  CHECK(curves.rows[2].tokens == 256);
  CHECK(curves.rows[2].flops == Approx(28).epsilon(1e-15));
  CHECK(curves.rows[2].loss == Approx(3.25));
  CHECK(curves.rows[2].row == 3);
}

TEST_CASE("only the kept lineage counts, after a resume that lost steps") {
  WrittenRun run;
  write_run(run, {});
  std::string events = read_file(run.path() + "/events.jsonl") + attempt_line(2, {});
  for (int step = 6; step <= 7; ++step) events += step_line(2, step, "2.5");
  events += evaluation_line(2, 7, "2.25");
  run.write("events.jsonl", events);
  run.write("ledger.jsonl", text_of({attempt_start(1), interval(1, 0, 5), interval(1, 5, 10), attempt_start(2, 1, 5), interval(2, 5, 7)}));
  const RunRows rows = rows_of_runs({run.path()}, ParametersAs::matmul);
  CHECK(rows.ends.rows[0].tokens == 7 * 64);
  CHECK(rows.ends.rows[0].flops == 49);
  CHECK(rows.ends.rows[0].loss == 2.25);
  CHECK(rows.curves.rows.size() == 7);
  CHECK(rows.curves.rows[5].loss == 2.5);
}

TEST_CASE("an attempt that only evaluates the end of the run counts") {
  WrittenRun run;
  write_run(run, {.steps = 9});
  run.write("events.jsonl", read_file(run.path() + "/events.jsonl") + attempt_line(2, {}) + evaluation_line(2, 9, "2.75"));
  run.write("ledger.jsonl", text_of({attempt_start(1), interval(1, 0, 9), attempt_start(2, 1, 9), interval(2, 9, 9)}));
  CHECK(rows_of_runs({run.path()}, ParametersAs::matmul).ends.rows[0].loss == 2.75);
}

TEST_CASE("a validation before the end takes D and C with it, and an unfinished schedule is warned of") {
  WrittenRun run;
  write_run(run, {.steps = 12, .planned = 20});
  const FitRows ends = rows_of_runs({run.path()}, ParametersAs::matmul).ends;
  CHECK(ends.rows[0].step == 10);
  CHECK(ends.rows[0].tokens == 640);
  CHECK(ends.rows[0].flops == Approx(70).epsilon(1e-15));
  REQUIRE(ends.warnings.size() == 2);
  CHECK_THAT(ends.warnings[0], Contains("its last validation is of step 10, 2 before its end"));
  CHECK_THAT(ends.warnings[1],
             Contains("its schedule is unfinished, the learning rate comes down until step 20 and the loss is of step 10"));
}

TEST_CASE("a schedule ends where the learning rate has come down") {
  CHECK(warnings_of({.planned = 10, .schedule = LrSchedule::linear}).empty());
  CHECK(warnings_of({.planned = 20, .schedule = LrSchedule::constant}).empty());
  CHECK(warnings_of({.planned = 20, .schedule = LrSchedule::cosine, .decay_steps = 10}).empty());
  CHECK(warnings_of({.planned = 10, .schedule = LrSchedule::linear, .decay_steps = 15}).size() == 1);
  CHECK(warnings_of({.planned = 20, .schedule = LrSchedule::wsd, .decay_steps = 5}).size() == 1);
}

TEST_CASE("runs whose losses do not compare do not mix") {
  CHECK(difference({.tokenizer = "dddd"}) == "the tokenizer of the one is aaaa, of the other dddd");
  CHECK(difference({.validation = "eeee"}) == "the validation set of the one is bbbb, of the other eeee");
  CHECK(difference({.sequence = 64}) == "the sequence length of the one is 32, of the other 64");
  CHECK(difference({.evaluated = 8}) == "the number of sequences evaluated of the one is 16, of the other 8");
}

TEST_CASE("runs trained on different tokens mix, without a data set, and say so") {
  WrittenRun one, two;
  write_run(one, {});
  write_run(two, {.train = "ffff"});
  const RunRows rows = rows_of_runs({one.path(), two.path()}, ParametersAs::matmul);
  CHECK(rows.ends.definitions.data_set.empty());
  REQUIRE(rows.ends.warnings.size() == 1);
  CHECK_THAT(rows.ends.warnings[0], Contains("trained on different tokens"));
  CHECK(rows.ends.rows[1].row == 2);
}

TEST_CASE("runs that cannot be used are refused by name") {
  CHECK(rows_refusal({}) == "no run is named");
  WrittenRun run;
  CHECK_THAT(rows_refusal({run.path()}), Contains("there is no ledger.jsonl"));
  write_run(run, {.steps = 4});
  CHECK(rows_refusal({run.path()}) == "no validation loss of this run is kept");
  write_run(run, {});
  CHECK(rows_refusal({run.path(), run.path() + "/."}) == "this run is named twice, and would be one point counted as two");
  const std::string events = read_file(run.path() + "/events.jsonl");
  run.write("events.jsonl", events + evaluation_line(1, 10, "null"));
  CHECK(rows_refusal({run.path()}) == "the last validation loss, at step 10, is no positive number");
  run.write("events.jsonl", events + evaluation_line(1, 10, "0"));
  CHECK(rows_refusal({run.path()}) == "the last validation loss, at step 10, is no positive number");
  run.write("events.jsonl", events.substr(events.find('\n') + 1));
  CHECK(rows_refusal({run.path()}) == "its events do not say which tokenizer and which validation set its losses are of");
  run.write("events.jsonl", attempt_line(1, {}) + evaluation_line(1, 10, "2"));
  CHECK(rows_refusal({run.path()}) == "events.jsonl has 0 steps of 0 tokens, the ledger keeps 10 of 640");
  run.write("events.jsonl", events + R"({"event":"evaluation","attempt":1,"step":10,"loss":2})" + "\n");
  CHECK_THAT(rows_refusal({run.path()}), Contains("this event cannot be used for a fit"));
}

TEST_CASE("a run without FLOPs of the convention, or without its configuration, is refused") {
  WrittenRun run;
  write_run(run, {});
  Interval old = interval(1, 0, 10);
  old.training.model.erase("exact");
  const std::string config = read_file(run.path() + "/config.toml");
  run.write("config.toml", "");
  CHECK(rows_refusal({run.path()}) == "there is no config.toml");
  run.write("config.toml", config).write("ledger.jsonl", text_of({attempt_start(1), old}));
  CHECK(rows_refusal({run.path()}) == "its ledger has no FLOPs of the convention 'exact'");
}

TEST_CASE("curves of runs are what approach 1 takes: a folder is a run") {
  WrittenRun one, two;
  write_run(one, {});
  write_run(two, {.matmul = 6000, .floor = 4});
  const FitRows curves = rows_of_runs({one.path(), two.path()}, ParametersAs::matmul).curves;
  CHECK_THROWS_WITH(fit_envelope(curves, {.samples = 0}), Contains("the lowest loss never moves from a size to another"));
}
