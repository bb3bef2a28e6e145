// SPDX-License-Identifier: Apache-2.0
// `ergon plan`: what to train with a compute budget; with --timeline the pipeline schedule of a run, with --strategies the ways to shard
// its attention.
#include "accounting/advice/plan.hpp"

#include <charconv>
#include <iostream>
#include <string_view>

#include "accounting/conventions.hpp"
#include "accounting/flops/described_run.hpp"
#include "configs/decimal.hpp"
#include "configs/error.hpp"
#include "configs/key_table.hpp"
#include "configs/names.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/dtype_named.hpp"
#include "launch/plan_strategies.hpp"
#include "launch/plan_timeline.hpp"

namespace ergon {
namespace {

struct PlanArguments {
  std::string budget, parameters, tokens_available, inference_tokens, law, device, dtype = "bfloat16";
  double loss = 0, mfu = 0, level = 0.8;
  std::int64_t vocabulary = 0, sequence = 0;
  std::string config;               // with --undertrained: N, or the CONFIG of the model
  std::vector<std::string> others;  // with --undertrained: D first; then KEY=VALUE
  bool undertrained = false, extrapolate = false, timeline = false, strategies = false, json = false;
};

double positive(const std::string& text, const char* option) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || !(value > 0) || value > 1e38)
    throw Error(fmt::format("{} takes a number above 0 and at most 1e38, not '{}'", option, text), option, "7e9 for instance");
  return value;
}

// An option that stands for a key takes what the key takes.
void set_key(ModelShape& shape, std::int64_t value, const char* key, const char* option) {
  RunConfig config;
  config.model = shape;
  try {
    find_key(key)->set(config, {value, fmt::format("{}", value)});
  } catch (const Error& error) {
    throw Error(fmt::format("{} {}", option, error.problem()), option, fmt::format("leave it out to take the default of {}", key));
  }
  shape = config.model;
}

PlanQuestion question_of(const CommandLine& line, const PlanArguments& arguments) {
  const int goals = line.given("--budget") + line.given("--params") + line.given("--loss") + arguments.undertrained;
  if (goals != 1) {
    throw Error(goals == 0 ? "there is nothing to plan with" : "one question at a time", "--budget",
                "give one of --budget \"10 pfs-days\", --params 7e9, --loss 2.1, --undertrained 280e9 300e9");
  }
  PlanQuestion question;
  if (!(arguments.level > 0 && arguments.level < 1))
    throw Error(fmt::format("a level of {} is none", arguments.level), "--level", "above 0 and below 1: 0.8");
  question.level = arguments.level;
  if (line.given("--params")) question = {PlanGoal::parameters, positive(arguments.parameters, "--params"), arguments.level, {}, {}};
  if (line.given("--loss")) {
    constexpr double most_loss = 1000;  // far above a guess among all tokens of any vocabulary
    if (!(arguments.loss > 0 && arguments.loss <= most_loss))
      throw Error(fmt::format("a loss of {} nats a token is none", arguments.loss), "--loss", "above 0 and at most 1000: 2.1");
    question = {PlanGoal::loss, arguments.loss, arguments.level, {}, {}};
  }
  if (line.given("--inference-tokens")) question.inference_tokens = positive(arguments.inference_tokens, "--inference-tokens");
  if (line.given("--tokens-available")) question.tokens_available = positive(arguments.tokens_available, "--tokens-available");
  return question;
}

// Whole counts keep all digits of their product.
std::optional<Flops> exact_count(const std::string& text) {
  const std::optional<Decimal> number = read_decimal(text);
  const auto count = number ? whole(*number) : std::nullopt;
  return count ? std::optional(Flops{*count}) : std::nullopt;
}

bool is_number(const std::string& text) { return read_decimal(text).has_value(); }

// Gives the device that CONFIG measures its MFU against; empty: none.
std::string read_architecture(const CommandLine& line, const PlanArguments& arguments, const std::string& config,
                              const std::vector<std::string>& overrides, ArchitectureRequest& request) {
  request.fixed = default_family();
  std::string device;
  if (!config.empty()) {
    const RunConfig described = described_run(config, overrides);
    request.fixed = described.model;
    request.fixed_is_given = true;
    device = described.accounting.peak;
  } else if (!overrides.empty()) {
    throw Error(fmt::format("'{}' changes a configuration that is not given", overrides.front()), "CONFIG",
                "name a run file or a preset first");
  }
  if (line.given("--vocabulary")) set_key(request.fixed, arguments.vocabulary, "model.vocabulary", "--vocabulary");
  if (line.given("--sequence")) set_key(request.fixed, arguments.sequence, "model.sequence", "--sequence");
  return device;
}

// N (or the CONFIG that has it) and D stand where CONFIG and KEY=VALUE do.
std::string read_existing(const CommandLine& line, const PlanArguments& arguments, PlanRequest& request) {
  if (arguments.config.empty() || arguments.others.empty())
    throw Error("--undertrained takes parameters (or a CONFIG) and tokens", "--undertrained", "ergon plan --undertrained 280e9 300e9");
  const std::vector<std::string> overrides(arguments.others.begin() + 1, arguments.others.end());
  Allocation existing;
  existing.tokens = positive(arguments.others.front(), "--undertrained");
  const bool counts = is_number(arguments.config);
  const std::string device = read_architecture(line, arguments, counts ? "" : arguments.config, overrides, request.architecture);
  if (counts) {
    existing.parameters = positive(arguments.config, "--undertrained");
  } else {
    existing.parameters = parameters_by_law(request.law, request.architecture.fixed);
  }
  request.existing = existing;
  const std::string parameters = counts ? arguments.config : fmt::format("{:.0f}", existing.parameters);
  const std::optional<Flops> whole_n = exact_count(parameters), whole_d = exact_count(arguments.others.front());
  if (whole_n && whole_d) request.budget = six_n_d(*whole_n, *whole_d);
  request.question.value = 6 * existing.parameters * existing.tokens;
  return device;
}

PlanRequest request_of(const CommandLine& line, const PlanArguments& arguments) {
  PlanRequest request;
  request.question = question_of(line, arguments);
  request.law = arguments.law;
  if (arguments.extrapolate) request.extrapolation = Extrapolation::allowed;
  const std::string of_config = arguments.undertrained
                                    ? read_existing(line, arguments, request)
                                    : read_architecture(line, arguments, arguments.config, arguments.others, request.architecture);
  const std::optional<double> mfu = line.given("--mfu") ? std::optional(arguments.mfu) : std::nullopt;
  request.rate = device_rate(arguments.device.empty() && mfu ? of_config : arguments.device, dtype_named(arguments.dtype), mfu);
  if (line.given("--budget")) {
    request.budget = parse_budget(arguments.budget, request.rate);
    request.question.value = to_double(*request.budget);
  }
  return request;
}

// --timeline and --strategies go with no other question.
void require_alone(const CommandLine& line, const char* question) {
  for (const char* other : {"--budget", "--params", "--loss", "--undertrained", "--timeline", "--strategies"})
    if (other != std::string_view(question) && line.given(other))
      throw Error(fmt::format("{} and {} are two questions", question, other), question, "give one of them");
}

std::string timeline_answer(const CommandLine& line, const PlanArguments& arguments) {
  require_alone(line, "--timeline");
  if (arguments.config.empty())
    throw Error("--timeline shows the schedule of a run file, and none is given", "CONFIG", "ergon plan --timeline run.toml");
  return timeline_of(described_run(arguments.config, arguments.others), arguments.json ? TimelineFormat::json : TimelineFormat::text);
}

std::string strategies_answer(const CommandLine& line, const PlanArguments& arguments) {
  require_alone(line, "--strategies");
  const StrategyFormat format = arguments.json ? StrategyFormat::json : StrategyFormat::text;
  return arguments.config.empty() ? strategies_in_symbols(format)
                                  : strategies_of(described_run(arguments.config, arguments.others), format);
}

}  // namespace

int command_plan(int argc, char** argv) {
  PlanArguments arguments;
  CommandLine line("ergon plan", "what to train with a compute budget: parameters, tokens, loss, architecture, learning rate and batch");
  line.positional(arguments.config, "CONFIG",
                  "what the architecture keeps: a run file, a file with only [model], a preset, or a Hugging Face config.json", Needed::no);
  line.rest(arguments.others, "KEY=VALUE", "keys of the run file");
  line.option(arguments.budget, "--budget", "C", "\"10 pfs-days\", \"1e21 flops\", or \"5000 device-hours\" with --device and --mfu");
  line.option(arguments.parameters, "--params", "N", "instead: the budget at which N parameters are optimal");
  line.option(arguments.loss, "--loss", "L", "instead: the budget that reaches a loss of L nats a token");
  line.flag(arguments.undertrained, "--undertrained", "instead: how far a model is from optimal; followed by N (or CONFIG) and D");
  line.option(arguments.law, "--law", "NAME|FILE", "scaling law (default: besiroglu; with --tokens-available: muennighoff)");
  line.option(arguments.tokens_available, "--tokens-available", "N", "distinct tokens there are: more training repeats them");
  line.option(arguments.inference_tokens, "--inference-tokens", "N", "tokens the model will serve: least FLOPs of training and inference");
  line.option(arguments.mfu, "--mfu", "X", "part of the device's peak that is reached, 0.4 for instance");
  line.option(arguments.device, "--device", "ID", "device of device-hours: h100-sxm, a100, ... (default: accounting.peak of CONFIG)");
  line.choice(arguments.dtype, "--dtype", {"bfloat16", "float32", "float64"}, "type whose peak counts (default: bfloat16)");
  line.option(arguments.vocabulary, "--vocabulary", "N", "of the architecture (default: CONFIG's, or 32000)");
  line.option(arguments.sequence, "--sequence", "N", "of the architecture (default: CONFIG's, or 2048)");
  line.option(arguments.level, "--level", "X", "of the intervals (default: 0.8)");
  line.flag(arguments.extrapolate, "--extrapolate", "give figures more than three decades of C beyond the law's data");
  line.flag(arguments.timeline, "--timeline", "instead: the pipeline schedule of the run file CONFIG, and how long its stages idle");
  line.flag(
      arguments.strategies, "--strategies",
      "instead: bytes, calls and memory of each way to shard attention over context ranks, in symbols or those of the run file CONFIG");
  line.flag(arguments.json, "--json",
            "print JSON, schema ergon.plan.v1 (with --timeline: ergon.timeline.v1, with --strategies: ergon.strategies.v1)");
  line.footer(
      "Examples:\n  ergon plan --budget \"10 pfs-days\"\n  ergon plan --budget \"5000 device-hours\" --device h100-sxm --mfu 0.4 "
      "llama3-8b\n"
      "  ergon plan --params 7e9 --inference-tokens 2e12\n  ergon plan --budget 1e21 --tokens-available 3e9\n"
      "  ergon plan --undertrained 280e9 300e9 --law hoffmann-3 --json\n"
      "  ergon plan --timeline run.toml mesh.pp=4 'mesh.schedule=\"zero_bubble\"'\n  ergon plan --strategies run.toml mesh.cp=4\n");
  if (!line.parse(argc, argv)) return 0;
  if (arguments.timeline || arguments.strategies) {
    std::cout << (arguments.timeline ? timeline_answer(line, arguments) : strategies_answer(line, arguments)) << std::flush;
    return 0;
  }
  const Plan plan = make_plan(request_of(line, arguments));
  std::cout << (arguments.json ? plan_json(plan) : plan_text(plan)) << std::flush;
  return 0;
}

}  // namespace ergon
