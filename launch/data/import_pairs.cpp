// SPDX-License-Identifier: Apache-2.0
// `ergon data import-pairs`: prompts and responses, or sources and targets, into a token store whose loss sees the second of each.
#include "trainer/data/import_pairs.hpp"

#include <fmt/format.h>

#include <iostream>

#include "configs/error.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/data/import_progress.hpp"
#include "launch/data/invalid_utf8_words.hpp"
#include "launch/data/split_words.hpp"
#include "launch/data/tokenizer_words.hpp"
#include "launch/hdf5_helper.hpp"

namespace ergon {
namespace {

constexpr const char *default_prompt_key = "prompt", *default_response_key = "response";

void print_pairs_json(const PairSummary& summary, const std::string& output) {
  const nlohmann::json result = {{"schema", "ergon.data_import_pairs.v1"},
                                 {"store", output},
                                 {"uuid", summary.store.uuid},
                                 {"tokenizer", summary.store.tokenizer_kind},
                                 {"vocabulary", summary.store.vocabulary},
                                 {"pairs", summary.store.documents},
                                 {"tokens", summary.store.tokens},
                                 {"prompt_tokens", summary.prompt_tokens},
                                 {"empty_pairs", summary.empty},
                                 {"too_long_pairs", summary.too_long},
                                 {"invalid_pairs", summary.invalid},
                                 {"repaired_pairs", summary.repaired},
                                 {"replaced_sequences", summary.replaced_sequences},
                                 {"replaced_bytes", summary.replaced_bytes},
                                 {"splits", splits_json(summary.documents, summary.tokens)}};
  std::cout << result.dump(2) << std::endl;
}

void print_pairs_text(const PairSummary& summary, const std::string& output) {
  fmt::print("{}: {} pairs, {} tokens, {} of them prompts ({}, vocabulary {})\n", output, summary.store.documents, summary.store.tokens,
             summary.prompt_tokens, summary.store.tokenizer_kind, summary.store.vocabulary);
  print_splits(summary.documents, summary.tokens);
  if (summary.empty > 0) fmt::print("  {} pairs without a response left out\n", summary.empty);
  if (summary.too_long > 0) fmt::print("  {} pairs of more than --longest tokens left out\n", summary.too_long);
  if (summary.invalid > 0)
    fmt::print("  {} pairs left out that are not UTF-8 ({} ill-formed parts, {} bytes)\n", summary.invalid, summary.replaced_sequences,
               summary.replaced_bytes);
  if (summary.repaired > 0)
    fmt::print("  {} sequences that are not UTF-8 ({} bytes) replaced by U+FFFD, in {} pairs\n", summary.replaced_sequences,
               summary.replaced_bytes, summary.repaired);
}

}  // namespace

int command_data_import_pairs(int argc, char** argv) {
  CommandLine line("ergon data import-pairs", "make a token store of prompts and responses, or of sources and targets");
  PairOptions options;
  TokenizerWords tokenizer_words;
  options.documents.prompt_key = default_prompt_key;
  options.documents.text_key = default_response_key;
  std::string format = "by-name", invalid = "replace";
  bool force = false, json = false;
  line.option(options.output, "-o,--output", "STORE", "the token store to write (.h5)", Needed::yes);
  line.option(options.documents.prompt_key, "--prompt-key", "KEY", "the key of the first text: context, never a label");
  line.option(options.documents.text_key, "--response-key", "KEY", "the key of the second text: what the model learns to say");
  line.option(options.separator, "--separator", "TEXT", "stands between the two");
  tokenizer_words.add_to(line);
  line.option(options.longest, "--longest", "N", "leave out pairs of more tokens; give model.sequence + 1; 0: keep all");
  line.choice(format, "--format", {"by-name", "jsonl"}, "jsonl: every input holds JSON lines, whatever its name");
  line.option(options.fractions.validation, "--valid", "FRACTION", "pairs for validation");
  line.option(options.fractions.test, "--test", "FRACTION", "pairs for test");
  line.choice(invalid, "--invalid-utf8", invalid_utf8_choices, "what becomes of a pair whose line is not UTF-8");
  line.flag(force, "--force", "replace an existing output");
  line.flag(json, "--json", "print the summary as JSON");
  line.rest(options.documents.inputs, "INPUT", "files or folders of *.jsonl, compressed or not: one object a line", Needed::yes);
  line.footer(
      "Examples:\n  ergon data import-pairs chats.jsonl -o chats.h5 --tokenizer-of tokens.h5 --longest 1025\n"
      "  ergon data import-pairs de-en.jsonl -o de-en.h5 --prompt-key de --response-key en --separator ' => '\n"
      "Where no keys are named, a line holds \"prompt\" and \"response\", or \"source\" and \"target\".\n"
      "Without a tokenizer, bytes. Name the one that the model was trained with. Train on it with data.document_mask = true, and "
      "data.packing = \"best_fit\" so that no pair is cut.\n");
  if (!line.parse(argc, argv)) return 0;
  if (options.documents.prompt_key.empty() || options.documents.text_key.empty())
    throw Error("a key is empty", "--prompt-key, --response-key", "name the two keys of a line");
  options.documents.sources_too = options.documents.prompt_key == default_prompt_key && options.documents.text_key == default_response_key;
  if (options.longest < 0) throw Error(fmt::format("{} tokens cannot be a limit", options.longest), "--longest", "give 0 or more");
  options.documents.format = format == "jsonl" ? FormatRule::json_lines : FormatRule::by_name;
  options.invalid_utf8 = invalid_utf8_of(invalid);
  options.existing = force ? Existing::replace : Existing::refuse;
  Storage storage(hdf5_helper());
  const auto named = tokenizer_words.open(storage);
  const auto tokenizer = named ? nullptr : make_bytes_tokenizer();
  PairSummary summary;
  {
    ImportPrinter printer(stderr, style_of(stderr));
    summary = import_pairs(options, named ? *named : *tokenizer, storage, [&](const ImportProgress& progress) { printer.show(progress); });
  }
  (json ? print_pairs_json : print_pairs_text)(summary, options.output);
  return 0;
}

}  // namespace ergon
