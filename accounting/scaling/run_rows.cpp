// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/run_rows.hpp"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "accounting/report/report.hpp"
#include "accounting/report/run_files.hpp"
#include "configs/error.hpp"
#include "configs/parse.hpp"
#include "configs/sha256.hpp"

namespace ergon {
namespace {

using PlainJson = nlohmann::json;

[[noreturn]] void refuse(const std::string& what, const std::string& where, const std::string& hint) {
  throw Error(what, where, hint, ExitCode::data);
}

struct Evaluation {
  std::int64_t attempt = 0, step = 0, sequences = 0;
  double loss = NAN;
};

struct TrainedStep {
  std::int64_t tokens = 0;
  double loss = NAN;  // NaN: it was not finite
};

struct DataIdentity {
  std::string tokenizer, train, validation;
  std::int64_t train_tokens = 0;
};

// What events.jsonl says of the kept lineage.
struct KeptEvents {
  std::map<std::int64_t, DataIdentity> data;  // by attempt
  std::map<std::int64_t, TrainedStep> steps;
  Evaluation evaluation;  // the last; step 0: none
};

double number_or_nan(const PlainJson& value) { return value.is_number() ? value.get<double>() : NAN; }

void keep_event(KeptEvents& kept, const LedgerSummary& ledger, const PlainJson& event, const std::string& where) {
  const std::string kind = event.value("event", "");
  if (kind == "attempt" && event.contains("data")) {
    const PlainJson& data = event["data"];
    kept.data[event.at("attempt")] = {data.at("tokenizer"), data.at("train"), data.at("validation"), data.at("train_tokens")};
  }
  if (kind != "step" && kind != "evaluation") return;
  const EventPlace at = place_of(event, where);
  const AttemptSummary* attempt = find_attempt(ledger, at.attempt);
  if (attempt == nullptr) return;
  if (kind == "step" && is_kept(*attempt, at.step)) kept.steps[at.step] = {event.at("tokens"), number_or_nan(event.at("loss"))};
  // An attempt that resumes the end of the run may do nothing but evaluate it.
  const bool evaluates_kept = is_kept(*attempt, at.step) || (at.step > 0 && at.step == attempt->kept_from);
  if (kind == "evaluation" && evaluates_kept && at.step >= kept.evaluation.step)
    kept.evaluation = {at.attempt, at.step, event.at("sequences"), number_or_nan(event.at("loss"))};
}

KeptEvents read_kept_events(const std::string& text, const std::string& path, const LedgerSummary& ledger) {
  KeptEvents kept;
  for_each_event(text, path, [&](const PlainJson& event, const std::string& where) {
    try {
      keep_event(kept, ledger, event, where);
    } catch (const PlainJson::exception& error) {
      refuse(fmt::format("this event cannot be used for a fit: {}", error.what()), where, "train the run with this version of Ergon");
    }
  });
  return kept;
}

struct Run {
  std::string folder, text;  // text: of its ledger and events
  RunReport report;
  RunConfig config;
  KeptEvents events;
  DataIdentity data;
};

void require_usable(const Run& run) {
  const LedgerSummary& ledger = run.report.ledger;
  const Evaluation& evaluation = run.events.evaluation;
  if (evaluation.step == 0) refuse("no validation loss of this run is kept", run.folder, "train it with train.evaluate_every above 0");
  if (!(evaluation.loss > 0) || !std::isfinite(evaluation.loss))
    refuse(fmt::format("the last validation loss, at step {}, is no positive number", evaluation.step), run.folder, "leave this run out");
  if (!ledger.kept.training.model.contains("exact"))
    refuse("its ledger has no FLOPs of the convention 'exact'", run.folder, "train the run with this version of Ergon");
  std::int64_t tokens = 0;
  for (const auto& [step, trained] : run.events.steps) tokens += trained.tokens;
  if (static_cast<std::int64_t>(run.events.steps.size()) != ledger.kept.steps || tokens != ledger.kept.tokens.value)
    refuse(fmt::format("events.jsonl has {} steps of {} tokens, the ledger keeps {} of {}", run.events.steps.size(), tokens,
                       ledger.kept.steps, ledger.kept.tokens.value),
           run.folder, "lines of events.jsonl are missing: put back a copy of it, or leave this run out");
  if (!run.events.data.contains(evaluation.attempt))
    refuse("its events do not say which tokenizer and which validation set its losses are of", run.folder,
           "it was trained by an earlier version of Ergon: train it again, or put its N, D, C and loss into a CSV");
}

Run read_one(const std::string& folder) {
  Run run;
  run.folder = folder;
  run.report = read_run(folder);
  const std::string events = (std::filesystem::path(folder) / "events.jsonl").string();
  const std::string text = text_if_there(events).value_or("");
  run.text = text_if_there((std::filesystem::path(folder) / "ledger.jsonl").string()).value_or("") + text;
  run.events = read_kept_events(text, events, run.report.ledger);
  require_usable(run);
  run.data = run.events.data.at(run.events.evaluation.attempt);
  const std::string config = (std::filesystem::path(folder) / "config.toml").string();
  if (run.report.config.empty()) refuse("there is no config.toml", folder, "name the run.folder of a training run");
  run.config = parse_run_text(run.report.config, config, {}, Purpose::describe);
  return run;
}

void require_comparable(const Run& one, const Run& other) {
  const auto require = [&](const char* what, const std::string& x, const std::string& y) {
    if (x != y)
      refuse(fmt::format("runs '{}' and '{}' do not mix: the {} of the one is {}, of the other {}", one.folder, other.folder, what, x, y),
             other.folder, "losses compare on the same tokens only: fit runs that share tokenizer, validation and sequence length");
  };
  require("tokenizer", one.data.tokenizer.substr(0, 12), other.data.tokenizer.substr(0, 12));
  require("validation set", one.data.validation.substr(0, 12), other.data.validation.substr(0, 12));
  require("sequence length", std::to_string(one.config.model.sequence), std::to_string(other.config.model.sequence));
  require("number of sequences evaluated", std::to_string(one.events.evaluation.sequences),
          std::to_string(other.events.evaluation.sequences));
}

// The step at which the learning rate has come down; 0 where it never does.
std::int64_t schedule_end(const RunConfig& config) {
  const OptimizerSection& optimizer = config.optimizer;
  if (optimizer.schedule == LrSchedule::constant) return 0;
  return optimizer.schedule != LrSchedule::wsd && optimizer.decay_steps > 0 ? optimizer.decay_steps : config.train.steps;
}

void warn(std::vector<std::string>& warnings, const Run& run) {
  const std::int64_t step = run.events.evaluation.step, end = schedule_end(run.config), last = run.report.ledger.kept.steps;
  if (step < last)
    warnings.push_back(fmt::format("run '{}': its last validation is of step {}, {} before its end; D and C are counted up to there",
                                   run.folder, step, last - step));
  if (step < end)
    warnings.push_back(
        fmt::format("run '{}': its schedule is unfinished, the learning rate comes down until step {} and the loss is of step {}; a run "
                    "planned for its tokens would have a lower one",
                    run.folder, end, step));
}

double parameters_of(const Run& run, ParametersAs count) {
  const ParameterCounts& parameters = run.report.ledger.attempts.back().start.parameters;
  switch (count) {
    case ParametersAs::matmul:
      return static_cast<double>(parameters.matmul);
    case ParametersAs::total:
      return static_cast<double>(parameters.total);
    case ParametersAs::non_embedding:
      return static_cast<double>(parameters.non_embedding);
  }
  throw_bug(__FILE__, __LINE__, "count", "unknown count of parameters");
}

void add_rows(RunRows& rows, const Run& run, ParametersAs count) {
  const LedgerSummary& ledger = run.report.ledger;
  // A token costs the same at every step: the shape and the sequence length of a run are fixed.
  const double flops_per_token = to_double(ledger.kept.training.model.at("exact")) / static_cast<double>(ledger.kept.tokens.value);
  FitRow row;
  row.parameters = parameters_of(run, count);
  row.run = run.folder;
  row.unique_tokens = static_cast<double>(run.data.train_tokens);
  for (const auto& [step, trained] : run.events.steps) {
    row.step = step;
    row.tokens += static_cast<double>(trained.tokens);
    row.flops = flops_per_token * row.tokens;
    if (step == run.events.evaluation.step) {
      row.loss = run.events.evaluation.loss;
      row.row = static_cast<std::int64_t>(rows.ends.rows.size()) + 1;
      rows.ends.rows.push_back(row);
    }
    if (!(trained.loss > 0) || !std::isfinite(trained.loss)) continue;  // a step whose update was skipped
    row.loss = trained.loss;
    row.row = static_cast<std::int64_t>(rows.curves.rows.size()) + 1;
    rows.curves.rows.push_back(row);
  }
}

std::vector<Run> read_all(const std::vector<std::string>& folders) {
  if (folders.empty()) throw Error("no run is named", "--runs", "ergon fit --runs runs/a runs/b ...");
  std::vector<Run> runs;
  std::set<std::filesystem::path> seen;
  for (const std::string& folder : folders) {
    if (!seen.insert(std::filesystem::weakly_canonical(folder)).second)
      throw Error("this run is named twice, and would be one point counted as two", folder, "name each run once");
    runs.push_back(read_one(folder));
    require_comparable(runs.front(), runs.back());
  }
  return runs;
}

}  // namespace

const char* name(ParametersAs count) {
  switch (count) {
    case ParametersAs::matmul:
      return "matmul";
    case ParametersAs::total:
      return "total";
    case ParametersAs::non_embedding:
      return "non_embedding";
  }
  throw_bug(__FILE__, __LINE__, "count", "unknown count of parameters");
}

ParametersAs parameters_as(const std::string& text) {
  for (const ParametersAs count : {ParametersAs::matmul, ParametersAs::total, ParametersAs::non_embedding})
    if (text == name(count)) return count;
  throw Error(fmt::format("'{}' is no count of parameters", text), "--n", "of runs: matmul, total or non_embedding");
}

RunRows rows_of_runs(const std::vector<std::string>& folders, ParametersAs count) {
  const std::vector<Run> runs = read_all(folders);
  RunRows rows;
  Sha256 input;
  bool is_one_set = true;
  for (const Run& run : runs) {
    add_rows(rows, run, count);
    warn(rows.ends.warnings, run);
    input.add(run.text);
    is_one_set &= run.data.train == runs.front().data.train;
  }
  LawDefinitions& definitions = rows.ends.definitions;
  definitions.parameters = name(count);
  definitions.compute = "exact";
  definitions.tokenizer = runs.front().data.tokenizer;
  if (is_one_set)
    definitions.data_set = runs.front().data.train;
  else
    rows.ends.warnings.push_back("the runs were trained on different tokens: the law has no data set");
  rows.ends.input_sha256 = input.hex();
  rows.curves.definitions = definitions;
  rows.curves.input_sha256 = rows.ends.input_sha256;
  return rows;
}

}  // namespace ergon
