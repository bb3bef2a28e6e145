// SPDX-License-Identifier: Apache-2.0
// `ergon fit`: a scaling law from a table of points or from runs.
#include <charconv>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <optional>

#include "accounting/scaling/fit_page.hpp"
#include "accounting/scaling/fit_report.hpp"
#include "accounting/scaling/fit_table.hpp"
#include "accounting/scaling/law_file.hpp"
#include "accounting/scaling/run_rows.hpp"
#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "configs/text.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/status_line.hpp"
#include "trainer/storage.hpp"

namespace ergon {
namespace {

struct FitArguments {
  std::vector<std::string> inputs;
  bool runs = false, skip_defects = false, overtraining = false, repetition = false, json = false;
  ColumnNames columns;
  std::string parameters = "total", compute, data_set, tokenizer, approach = "3", budgets;
  std::string csv_out, html, law_out;
  double max_loss = 0, budget = 0;
  std::int64_t drop_highest_loss = 0, seed = 1, threads = 0;
  FitRequest request;
};

constexpr const char* fit_examples =
    "A table has one row a model: N (parameters), D (tokens), C (FLOPs) - two of them are enough, C = 6 N D - and loss (nats a token):\n"
    "  N,D,loss\n  124e6,2.5e9,3.28\n  350e6,7e9,2.99\n\n"
    "Examples:\n"
    "  ergon fit points.csv\n"
    "  ergon fit points.csv --n \"Model Size\" --c \"Training FLOP\" --drop-highest-loss 5 --bootstrap 4000\n"
    "  ergon fit points.csv --approach all --budgets 6e18,1e19,3e19 --html fit.html --law-out mine.toml\n"
    "  ergon fit repeated.csv --repetition      # columns N, D, unique_tokens, loss\n"
    "  ergon fit curves.csv --approach 1        # columns run, step, N, D, loss\n"
    "  ergon fit --runs runs/a runs/b runs/c --n non_embedding --json\n";

void declare_input(CommandLine& line, FitArguments& arguments) {
  line.rest(arguments.inputs, "INPUT", "a table of points (CSV), or with --runs the folders of runs", Needed::yes);
  line.flag(arguments.runs, "--runs", "the arguments are folders of runs: N, D, C and the last validation loss come from their ledgers");
  line.option(arguments.columns.n, "--n", "COLUMN",
              "column of the parameters; with --runs what N counts: matmul, total, non_embedding (default: matmul)");
  line.option(arguments.columns.d, "--d", "COLUMN", "column of the tokens");
  line.option(arguments.columns.c, "--c", "COLUMN", "column of the FLOPs");
  line.option(arguments.columns.loss, "--loss", "COLUMN", "column of the loss, nats a token");
  line.option(arguments.columns.run, "--run", "COLUMN",
              "column of the run, for curves: several rows a run (default: run, if there is one)");
  line.option(arguments.columns.step, "--step", "COLUMN", "column of the step, for curves (default: step, if there is one)");
  line.option(arguments.columns.unique_tokens, "--unique-tokens", "COLUMN",
              "column of the distinct tokens trained on (default: unique_tokens, if there is one)");
  line.option(arguments.columns.budget, "--budget-column", "COLUMN", "approach 2: column of the FLOP budget that a row belongs to");
  line.option(arguments.parameters, "--n-counts", "WORDS", "what N of a table counts, recorded in the law (default: total)");
  line.option(arguments.compute, "--c-counts", "ID", "FLOP convention of C of a table, recorded in the law (default: 6n where C is 6 N D)");
  line.option(arguments.data_set, "--data-set", "WORDS", "what the models were trained on, recorded in the law");
  line.option(arguments.tokenizer, "--tokenizer", "WORDS", "how it was cut into tokens, recorded in the law");
  line.option(arguments.max_loss, "--max-loss", "X", "leave out rows whose loss is above X");
  line.option(arguments.drop_highest_loss, "--drop-highest-loss", "K", "leave out the K rows of highest loss");
  line.flag(arguments.skip_defects, "--skip-defects",
            "leave out rows with an empty or impossible cell, by name, in place of refusing the table");
}

void declare_fit(CommandLine& line, FitArguments& arguments) {
  FitRequest& request = arguments.request;
  line.choice(arguments.approach, "--approach", {"1", "2", "3", "all"},
              "1: envelope of curves, 2: isoFLOP parabolas, 3: parametric law, all: those that the data allow (default: 3)");
  line.option(arguments.budgets, "--budgets", "C,C,..", "approach 2: the FLOP budgets; a row belongs to the nearest, within 10 %");
  line.option(arguments.budget, "--budget", "C", "FLOPs at which flatness is reported too");
  line.flag(arguments.overtraining, "--overtraining", "fit L(C, M) = E + (a M^eta + b M^-eta) C^-eta, M = D / N, too");
  line.flag(arguments.repetition, "--repetition",
            "fit what repeated tokens are worth: rows of more tokens than unique ones do that, and leave approach 3");
  line.option(request.huber_delta, "--huber-delta", "X", "of the residual of log loss (default: 1e-3)");
  line.option(request.bootstrap, "--bootstrap", "N", "re-fits of resampled rows behind the intervals (default: 1000; 0: none)");
  line.option(request.level, "--level", "X", "of the intervals: the middle X of the re-fits (default: 0.8)");
  line.option(arguments.seed, "--seed", "N", "of the resampling (default: 1)");
  line.option(arguments.threads, "--threads", "N", "results do not depend on it (default: one a core)");
  line.option(arguments.csv_out, "--csv-out", "FILE", "write rows with fitted values and residuals");
  line.option(arguments.html, "--html", "FILE", "write a page with charts, which needs no other file");
  line.option(arguments.law_out, "--law-out", "LAW.toml",
              "write the law, and its bootstrap to LAW.samples.csv, for ergon plan and ergon law");
  line.flag(arguments.json, "--json", "print JSON, schema ergon.fit.v1");
}

void require(bool holds, const char* option, const std::string& what, const char* hint) {
  if (!holds) throw Error(what, option, hint);
}

std::vector<double> budgets_of(const std::string& text) {
  std::vector<double> budgets;
  for (std::size_t start = 0; !text.empty() && start <= text.size();) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    const std::string word = trimmed(text.substr(start, end - start));
    double value = 0;
    const auto [rest, problem] = std::from_chars(word.data(), word.data() + word.size(), value);
    require(problem == std::errc() && rest == word.data() + word.size() && value > 0, "--budgets", fmt::format("'{}' is no budget", word),
            "FLOPs with commas between: 6e18,1e19,3e19");
    budgets.push_back(value);
    start = end + 1;
  }
  return budgets;
}

std::set<Approach> approaches_of(const std::string& word) {
  if (word == "all") return {Approach::envelope, Approach::isoflop, Approach::parametric};
  return {static_cast<Approach>(word.front() - '0')};
}

FitRequest request_of(const CommandLine& line, const FitArguments& arguments) {
  FitRequest request = arguments.request;
  require(request.huber_delta > 0 && request.huber_delta < 1e6, "--huber-delta", fmt::format("a delta of {} is none", request.huber_delta),
          "a number above zero: 1e-3");
  require(request.bootstrap >= 0 && request.bootstrap <= 1'000'000, "--bootstrap",
          fmt::format("{} re-fits are not possible", request.bootstrap), "0 to 1000000");
  require(request.level > 0 && request.level < 1, "--level", fmt::format("a level of {} is none", request.level), "between 0 and 1: 0.8");
  require(arguments.seed >= 0, "--seed", fmt::format("a seed of {} is none", arguments.seed), "0 or more");
  require(arguments.threads >= 0 && arguments.threads <= 4096, "--threads", fmt::format("{} threads are not possible", arguments.threads),
          "1 to 4096, or 0 for one a core");
  require(!line.given("--budget") || (arguments.budget > 0 && arguments.budget < 1e40), "--budget",
          fmt::format("{} FLOPs are no budget", arguments.budget), "FLOPs: 1e22");
  request.approaches = approaches_of(arguments.approach);
  require(arguments.csv_out.empty() || request.approaches.count(Approach::parametric) > 0, "--csv-out",
          "fitted values are those of approach 3, which is not asked for", "add --approach 3 or --approach all");
  if (arguments.overtraining) request.forms.insert(LawForm::overtraining);
  if (arguments.repetition) request.forms.insert(LawForm::repetition);
  request.budgets = budgets_of(arguments.budgets);
  if (line.given("--budget")) request.budget = arguments.budget;
  request.seed = static_cast<std::uint64_t>(arguments.seed);
  request.threads = static_cast<int>(arguments.threads);
  return request;
}

FitInput runs_input(const CommandLine& line, const FitArguments& arguments) {
  for (const char* option :
       {"--d", "--c", "--loss", "--run", "--step", "--budget-column", "--unique-tokens", "--n-counts", "--c-counts", "--skip-defects"})
    require(!line.given(option), option, "runs have no columns: N, D, C and the loss come from their ledgers", "leave it out, or --runs");
  const RunRows runs =
      rows_of_runs(arguments.inputs, arguments.columns.n.empty() ? ParametersAs::matmul : parameters_as(arguments.columns.n));
  return {fmt::format("{} runs", arguments.inputs.size()), runs.ends, runs.curves};
}

FitInput input_of(const CommandLine& line, const FitArguments& arguments) {
  FitInput input;
  if (arguments.runs) {
    input = runs_input(line, arguments);
  } else {
    require(arguments.inputs.size() == 1, "INPUT", fmt::format("{} files are named, and a law is fitted to one", arguments.inputs.size()),
            "ergon fit points.csv, or ergon fit --runs RUN RUN ...");
    FitTableOptions options{arguments.columns, arguments.skip_defects ? Defects::leave_out : Defects::refuse, arguments.parameters, {}};
    if (!arguments.compute.empty()) options.compute = arguments.compute;
    input = fit_input(arguments.inputs.front(), read_fit_table(arguments.inputs.front(), options));
  }
  require(arguments.drop_highest_loss >= 0, "--drop-highest-loss", fmt::format("{} rows cannot be dropped", arguments.drop_highest_loss),
          "0 or more");
  require(!line.given("--max-loss") || (arguments.max_loss > 0 && std::isfinite(arguments.max_loss)), "--max-loss",
          fmt::format("a loss of {} is none", arguments.max_loss), "nats a token: 3.44");
  if (!arguments.data_set.empty()) input.points.definitions.data_set = arguments.data_set;
  if (!arguments.tokenizer.empty()) input.points.definitions.tokenizer = arguments.tokenizer;
  RowFilter filter{{}, arguments.drop_highest_loss};
  if (line.given("--max-loss")) filter.max_loss = arguments.max_loss;
  filter_rows(input.points, filter);
  return input;
}

// Nothing is shown where nobody watches: what a script collects on stderr should be what went wrong.
FitProgress progress_on(StatusLine& line) {
  if (line.style() != StatusLine::Style::terminal) return {};
  return [&line, last = Clock::time_point{}](const std::string& what, std::int64_t done, std::int64_t all) mutable {
    const Clock::time_point now = Clock::now();
    if (now - last < std::chrono::milliseconds(200)) return;
    last = now;
    constexpr std::int64_t width = 40;
    const auto filled = static_cast<std::size_t>(width * done / all);
    line.show(fmt::format("{:<10} [{}{}] {} of {}", what, std::string(filled, '#'), std::string(width - filled, '.'), done, all));
  };
}

void write_files(const FitReport& report, const FitArguments& arguments) {
  Storage storage;
  if (!arguments.csv_out.empty()) {
    require(report.parametric.has_value(), "--csv-out", "approach 3 gave no fit, so there are no fitted values", "leave --csv-out out");
    storage.write_text(arguments.csv_out, fit_csv(report));
  }
  if (!arguments.html.empty()) storage.write_text(arguments.html, fit_page(report));
  if (!arguments.law_out.empty())
    write_law(law_of(report, std::filesystem::path(arguments.law_out).stem().string()), arguments.law_out,
              [&](const std::string& path, const std::string& text) { storage.write_text(path, text); });
}

}  // namespace

int command_fit(int argc, char** argv) {
  FitArguments arguments;
  CommandLine line("ergon fit", "a scaling law from a table of points or from runs, with intervals and what it hides");
  declare_input(line, arguments);
  declare_fit(line, arguments);
  line.footer(fit_examples);
  if (!line.parse(argc, argv)) return 0;
  FitRequest request = request_of(line, arguments);
  const FitInput input = input_of(line, arguments);
  FitReport report;
  {
    StatusLine status(stderr, style_of(stderr));
    request.progress = progress_on(status);
    report = make_fit_report(input, request);
  }
  write_files(report, arguments);
  std::cout << (arguments.json ? fit_json(report) : fit_text(report)) << std::flush;
  return 0;
}

}  // namespace ergon
