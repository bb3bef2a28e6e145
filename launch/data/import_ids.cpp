// SPDX-License-Identifier: Apache-2.0
// `ergon data import-ids`: token ids that another system wrote, into a token store.
#include "trainer/data/foreign/import_ids.hpp"

#include <fmt/format.h>

#include <iostream>

#include "configs/error.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/data/count_progress.hpp"
#include "launch/data/foreign_words.hpp"
#include "launch/data/split_words.hpp"
#include "launch/data/tokenizer_words.hpp"
#include "launch/hdf5_helper.hpp"

namespace ergon {
namespace {

void print_ids_json(const IdsImportSummary& summary, const std::string& output) {
  const nlohmann::json result = {{"schema", "ergon.data_import_ids.v1"},
                                 {"store", output},
                                 {"uuid", summary.store.uuid},
                                 {"format", name(summary.format)},
                                 {"dtype", name(summary.dtype)},
                                 {"tokenizer", summary.store.tokenizer_kind},
                                 {"vocabulary", summary.store.vocabulary},
                                 {"documents", summary.store.documents},
                                 {"tokens", summary.store.tokens},
                                 {"splits", splits_json(summary.documents, summary.tokens)}};
  std::cout << result.dump(2) << std::endl;
}

void print_ids_text(const IdsImportSummary& summary, const std::string& output) {
  fmt::print("{}: {} documents, {} tokens ({}, {}; tokenizer {}, vocabulary {})\n", output, summary.store.documents, summary.store.tokens,
             name(summary.format), name(summary.dtype), summary.store.tokenizer_kind, summary.store.vocabulary);
  print_splits(summary.documents, summary.tokens);
  if (summary.store.documents == 1) fmt::print("  note: the file is one document; --eod ID names the id that separates documents\n");
}

}  // namespace

int command_data_import_ids(int argc, char** argv) {
  CommandLine line("ergon data import-ids", "make a token store from ids that Megatron-LM, nanoGPT, llm.c or OLMo wrote");
  IdsImportOptions options;
  ForeignWords words;
  TokenizerWords tokenizer_words;
  std::string place = "end", split = "all";
  std::int64_t eod = -1;
  bool force = false, json = false;
  line.option(options.output, "-o,--output", "STORE", "the token store to write (.h5)", Needed::yes);
  words.add_to(line, "--from", "auto", "the format of the files; auto looks at names and magic numbers");
  tokenizer_words.add_to(line);
  line.option(options.vocabulary, "--vocab", "N", "size of the vocabulary; without it and a tokenizer, the largest id and one");
  line.option(eod, "--eod", "ID", "the id that separates documents; without it a file that is no Megatron data set is one document");
  line.choice(place, "--eod-at", {"end", "start"}, "where it stands in a document: nanoGPT ends them with it, llm.c begins them");
  line.choice(split, "--split", split_choices(), "put all documents into this split; all: by --valid and --test");
  line.option(options.fractions.validation, "--valid", "FRACTION", "documents for validation, chosen by their ids");
  line.option(options.fractions.test, "--test", "FRACTION", "documents for test");
  line.flag(force, "--force", "replace an existing output");
  line.flag(json, "--json", "print the summary as JSON");
  line.positional(options.input, "FILE", "NAME.bin, .idx, .npy, or the common name of a Megatron data set");
  line.footer(
      "Examples:\n  ergon data import-ids my_text_document -o tokens.h5 --vocab 50257 --eod 50256\n"
      "  ergon data import-ids val.bin -o val.h5 --eod 50256 --split valid\n"
      "`ergon data export-ids` writes the same files again.\n");
  if (!line.parse(argc, argv)) return 0;
  options.format = words.format();
  options.dtype = words.dtype();
  options.eod_place = place == "end" ? EodPlace::end : EodPlace::start;
  options.split = split_of_choice(split);
  options.existing = force ? Existing::replace : Existing::refuse;
  if (options.split && (line.given("--valid") || line.given("--test")))
    throw Error("--split puts all documents into one split", "--split", "leave out --valid and --test");
  if ((line.given("--tokenizer") || line.given("--tokenizer-of")) && (line.given("--vocab") || line.given("--eod")))
    throw Error("the tokenizer says its vocabulary and its end of a document", "--tokenizer", "leave out --vocab and --eod");
  if (line.given("--eod") && (eod < 0 || eod > INT32_MAX)) throw Error(fmt::format("{} is no id", eod), "--eod", "give 0 or more");
  options.eod = static_cast<std::int32_t>(eod);

  Storage storage(hdf5_helper());
  const std::unique_ptr<Tokenizer> tokenizer = tokenizer_words.open(storage);
  options.tokenizer = tokenizer.get();
  IdsImportSummary summary;
  {
    CountPrinter printer("import", stderr, style_of(stderr));
    summary = import_ids(options, storage, [&](std::int64_t done, std::int64_t total) { printer.show(done, total); });
  }
  (json ? print_ids_json : print_ids_text)(summary, options.output);
  return 0;
}

}  // namespace ergon
