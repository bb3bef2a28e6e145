// SPDX-License-Identifier: Apache-2.0
// `ergon data import`: a token store from text.
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/hdf5_helper.hpp"
#include "launch/import_progress.hpp"
#include "trainer/data/import.hpp"

namespace ergon {
namespace {

double bytes_per_token(const ImportSummary& summary) {
  return summary.store.tokens > 0 ? static_cast<double>(summary.text.value) / static_cast<double>(summary.store.tokens) : 0;
}

void print_json(const ImportSummary& summary, const std::string& output, double seconds) {
  nlohmann::json splits;
  for (Split split : all_splits)
    splits[name(split)] = {{"documents", summary.documents[static_cast<std::size_t>(split)]},
                           {"tokens", summary.tokens[static_cast<std::size_t>(split)]}};
  std::cout << nlohmann::json({{"schema", "ergon.data_import.v1"},
                               {"store", output},
                               {"uuid", summary.store.uuid},
                               {"tokenizer", summary.store.tokenizer_kind},
                               {"vocabulary", summary.store.vocabulary},
                               {"files", summary.files},
                               {"documents", summary.store.documents},
                               {"tokens", summary.store.tokens},
                               {"bytes", summary.text.value},
                               {"bytes_per_token", bytes_per_token(summary)},
                               {"empty_documents", summary.empty_documents},
                               {"repaired_documents", summary.repaired_documents},
                               {"replaced_sequences", summary.replaced_sequences},
                               {"splits", splits},
                               {"seconds", seconds}})
                   .dump(2)
            << std::endl;
}

void print_text(const ImportSummary& summary, const std::string& output, double seconds) {
  fmt::print("{}: {} documents of {} files, {} tokens ({}, vocabulary {}), {:.3f} bytes per token, in {:.1f} s\n", output,
             summary.store.documents, summary.files, summary.store.tokens, summary.store.tokenizer_kind, summary.store.vocabulary,
             bytes_per_token(summary), seconds);
  for (Split split : all_splits)
    fmt::print("  {:<6} {:>10} documents {:>14} tokens\n", name(split), summary.documents[static_cast<std::size_t>(split)],
               summary.tokens[static_cast<std::size_t>(split)]);
  if (summary.empty_documents > 0) fmt::print("  {} empty documents left out\n", summary.empty_documents);
  if (summary.replaced_sequences > 0)
    fmt::print("  {} sequences that are not UTF-8 replaced by U+FFFD, in {} documents\n", summary.replaced_sequences,
               summary.repaired_documents);
  if (summary.documents[static_cast<std::size_t>(Split::validation)] == 0)
    fmt::print("  note: no document fell into the validation split; raise --valid, or use --documents blank-line for smaller documents\n");
}

}  // namespace

int command_data_import(int argc, char** argv) {
  CommandLine line("ergon data import", "make a token store from text");
  ImportOptions options;
  std::string documents = "file";
  bool json = false, force = false;
  std::int64_t training_megabytes = options.training_text.value >> 20;
  line.option(options.output, "-o,--output", "STORE", "the token store to write (.h5)", Needed::yes);
  line.choice(documents, "--documents", {"file", "blank-line"}, "what a document is: a file, or a block between blank lines");
  line.option(options.documents.text_key, "--text-key", "KEY", "the key that holds the text, in *.jsonl and *.ndjson (one object a line)");
  line.option(options.tokenizer, "--tokenizer", "NAME",
              "bytes, sentencepiece (trained on the input), or a tokenizer's file: KIND:PATH or PATH (below)");
  line.option(options.end_of_document, "--end-of-document", "TOKEN",
              "the token that ends a document, where the tokenizer's file leaves it open");
  line.option(options.tokenizer_pattern, "--tokenizer-pattern", "PATTERN",
              "what splits text before a tiktoken file: gpt2, cl100k, o200k, llama3 or a regular expression");
  line.option(options.vocabulary, "--vocab", "N", "pieces of a SentencePiece model that is trained");
  line.option(training_megabytes, "--train-text", "MIB", "text that trains the tokenizer, at most");
  line.option(options.validation, "--valid", "FRACTION", "documents for validation");
  line.option(options.test, "--test", "FRACTION", "documents for test");
  line.flag(force, "--force", "replace an existing output");
  line.flag(json, "--json", "print the summary as JSON");
  line.rest(options.documents.inputs, "INPUT", "files or folders of text", Needed::yes);
  line.footer(
      "Examples:\n  ergon data import corpus/ -o tokens.h5\n  ergon data import book.txt -o tokens.h5 --documents blank-line --tokenizer "
      "sentencepiece --vocab 4096\n  ergon data import corpus/ -o tokens.h5 --tokenizer tiktoken:gpt2.tiktoken\n\nFiles of tokenizers: "
      "sentencepiece:FILE.model  tiktoken:FILE  huggingface:tokenizer.json  gpt2:FOLDER (vocab.json and merges.txt)\nSpecial tokens that a "
      "document spells are text there.\n");
  if (!line.parse(argc, argv)) return 0;
  options.documents.rule = documents == "file" ? DocumentRule::file : DocumentRule::blank_line;
  options.existing = force ? Existing::replace : Existing::refuse;
  if (training_megabytes < 1 || training_megabytes > INT64_MAX >> 20)
    throw Error(fmt::format("{} MiB is out of range", training_megabytes), "--train-text", "give 1 to 8796093022207");
  if (options.tokenizer != "sentencepiece" && (line.given("--vocab") || line.given("--train-text")))
    throw Error("--vocab and --train-text concern a tokenizer that is trained", "--tokenizer",
                "add --tokenizer sentencepiece, or leave them out");
  if ((options.tokenizer == "bytes" || options.tokenizer == "sentencepiece") &&
      (line.given("--end-of-document") || line.given("--tokenizer-pattern")))
    throw Error("--end-of-document and --tokenizer-pattern concern a tokenizer that comes from a file", "--tokenizer",
                "name a file, or leave them out");
  options.training_text = {training_megabytes << 20};

  Storage storage(hdf5_helper());
  const Clock::time_point start = Clock::now();
  ImportSummary summary;
  {
    ImportPrinter printer(stderr, style_of(stderr));
    summary = import_text(options, storage, [&](const ImportProgress& progress) { printer.show(progress); });
  }
  const double seconds = since(start).value;
  json ? print_json(summary, options.output, seconds) : print_text(summary, options.output, seconds);
  return 0;
}

}  // namespace ergon
