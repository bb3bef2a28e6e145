// SPDX-License-Identifier: Apache-2.0
// `ergon flops`: what a model costs to train, by convention.
#include <iostream>

#include "accounting/flops/described_run.hpp"
#include "accounting/report/flops_report.hpp"
#include "configs/error.hpp"
#include "configs/key_table.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "parallel/plan/refusals.hpp"

namespace ergon {
namespace {

struct FlopsArguments {
  std::string config;
  std::vector<std::string> overrides;
  std::int64_t sequence = 0, batch = 0;  // 0: not given
  std::string parameters, tokens;        // numbers as typed: "174.6e9"
  std::string documents, by;
  bool json = false;
};

constexpr const char* flops_examples =
    "A Hugging Face config.json is recognised by the end of its name; model_type gpt2 and llama are read.\n"
    "--documents: lengths of documents packed into the sequences, one a line or as a JSON array. A token sees its own document only; no\n"
    "document is longer than a sequence. They stand for the run: the FLOPs of its tokens are in proportion. Conventions exact and "
    "megatron\n"
    "follow them, the others know no documents.\n"
    "In JSON, FLOPs are decimal strings; a convention that says nothing about a shape is null, with the reason under `reason`.\n\n"
    "Examples:\n  ergon flops gpt2-124m --tokens 300e9\n  ergon flops run.toml model.layers=24 --json\n  ergon flops config.json "
    "--sequence 4096 "
    "--by operation\n  ergon flops llama3-8b --documents lengths.txt\n  ergon flops --params 174.6e9 --tokens 300e9\n";

Flops count_of(const std::string& text, const char* option) {
  try {
    return parse_decimal(text);
  } catch (const Error& error) {
    throw Error(error.problem(), option, "a whole number: 300000000000 or 300e9");
  }
}

// An option that stands for a key takes what the key takes.
void require_range(std::int64_t value, const char* key, const char* option) {
  try {
    RunConfig ignored;
    find_key(key)->set(ignored, {value, fmt::format("{}", value)});
  } catch (const Error& error) {
    throw Error(fmt::format("{} {}", option, error.problem()), option, fmt::format("leave it out to take {}", key));
  }
}

FlopsReport from_counts(const CommandLine& line, const FlopsArguments& arguments) {
  bool shaped = !arguments.config.empty();
  for (const char* option : {"--sequence", "--batch", "--documents", "--by"}) shaped = shaped || line.given(option);
  if (shaped) {
    throw Error("--params describes a model without a shape, so CONFIG, --sequence, --batch, --documents and --by say nothing", "--params",
                "ergon flops --params 174.6e9 --tokens 300e9, or ergon flops CONFIG --tokens 300e9");
  }
  if (arguments.tokens.empty()) throw Error("the number of tokens is missing", "--tokens", "ergon flops --params 174.6e9 --tokens 300e9");
  return flops_of_counts(count_of(arguments.parameters, "--params"), count_of(arguments.tokens, "--tokens"));
}

std::optional<SplitBy> split_by(const std::string& word) {
  if (word.empty()) return std::nullopt;
  return word == "layer" ? SplitBy::layer : word == "operation" ? SplitBy::operation : SplitBy::phase;
}

FlopsReport from_config(const CommandLine& line, const FlopsArguments& arguments) {
  if (arguments.config.empty()) {
    throw Error("there is nothing to count: name a run file, a config.json or a preset, or give --params and --tokens", "CONFIG",
                "ergon flops gpt2-124m");
  }
  const RunConfig config = described_run(arguments.config, arguments.overrides);
  for (const Error& refusal : plan_refusals(config, 0))
    if (refusal.where() == "model.window") throw refusal;
  const std::int64_t sequence = line.given("--sequence") ? arguments.sequence : config.model.sequence;
  const std::int64_t batch = line.given("--batch") ? arguments.batch : config.train.batch;
  require_range(sequence, "model.sequence", "--sequence");
  require_range(batch, "train.batch", "--batch");
  Flops tokens = Flops{1} * config.train.steps * batch * sequence;
  if (!arguments.tokens.empty()) tokens = count_of(arguments.tokens, "--tokens");
  if (tokens.value > INT64_MAX) throw Error(fmt::format("{} tokens are too many", to_decimal(tokens)), "--tokens", "at most 9e18");
  const Packing packing = arguments.documents.empty() ? whole_sequence(sequence, attention_rule(config.model))
                                                      : packed_documents(read_document_lengths(arguments.documents), sequence,
                                                                         attention_rule(config.model), arguments.documents);
  FlopsReport report =
      flops_of_shape(arguments.config, config.model, packing, {static_cast<std::int64_t>(tokens.value)}, split_by(arguments.by));
  if (config.data.document_mask && arguments.documents.empty())
    report.notes.push_back(
        "data.document_mask leaves fewer pairs, which depend on the data: sequences are counted whole here, --documents counts documents");
  return report;
}

}  // namespace

int command_flops(int argc, char** argv) {
  FlopsArguments arguments;
  CommandLine line("ergon flops", "what a model costs to train, in FLOPs by convention and petaflop/s-days");
  line.positional(arguments.config, "CONFIG", "a run file, a file with only [model], a config.json of Hugging Face, or a preset",
                  Needed::no);
  line.rest(arguments.overrides, "KEY=VALUE", "keys of the run file");
  line.option(arguments.sequence, "--sequence", "N", "tokens of a sequence (default: model.sequence)");
  line.option(arguments.batch, "--batch", "N", "sequences of a step (default: train.batch)");
  line.option(arguments.tokens, "--tokens", "N", "tokens to train on, 300e9 for instance (default: train.steps x batch x sequence)");
  line.option(arguments.documents, "--documents", "FILE", "lengths of the documents that are packed into sequences");
  line.choice(arguments.by, "--by", {"layer", "operation", "phase"}, "split the FLOPs of convention exact");
  line.option(arguments.parameters, "--params", "N", "instead of CONFIG: a model of N parameters, 174.6e9 for instance");
  line.flag(arguments.json, "--json", "print JSON, schema ergon.flops.v1");
  line.footer(flops_examples);
  if (!line.parse(argc, argv)) return 0;
  const FlopsReport report = line.given("--params") ? from_counts(line, arguments) : from_config(line, arguments);
  std::cout << (arguments.json ? flops_json(report) : flops_text(report)) << std::flush;
  return 0;
}

}  // namespace ergon
