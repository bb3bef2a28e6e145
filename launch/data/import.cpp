// SPDX-License-Identifier: Apache-2.0
// `ergon data import`: a token store from text.
#include "trainer/data/import.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/data/import_progress.hpp"
#include "launch/data/invalid_utf8_words.hpp"
#include "launch/data/split_words.hpp"
#include "launch/hdf5_helper.hpp"
#include "trainer/data/documents.hpp"

namespace ergon {
namespace {

double bytes_per_token(const ImportSummary& summary) {
  return summary.store.tokens > 0 ? static_cast<double>(summary.text.value) / static_cast<double>(summary.store.tokens) : 0;
}

void print_json(const ImportSummary& summary, double seconds) {
  std::cout << nlohmann::json({{"schema", "ergon.data_import.v1"},
                               {"store", summary.written},
                               {"shards", summary.shards},
                               {"uuid", summary.store.uuid},
                               {"tokenizer", summary.store.tokenizer_kind},
                               {"vocabulary", summary.store.vocabulary},
                               {"files", summary.files},
                               {"documents", summary.store.documents},
                               {"tokens", summary.store.tokens},
                               {"bytes", summary.text.value},
                               {"bytes_per_token", bytes_per_token(summary)},
                               {"empty_documents", summary.empty_documents},
                               {"duplicate_documents", summary.duplicates},
                               {"invalid_documents", summary.invalid_documents},
                               {"repaired_documents", summary.repaired_documents},
                               {"replaced_sequences", summary.replaced_sequences},
                               {"replaced_bytes", summary.replaced_bytes},
                               {"splits", splits_json(summary.documents, summary.tokens)},
                               {"seconds", seconds}})
                   .dump(2)
            << std::endl;
}

void print_text(const ImportSummary& summary, double seconds) {
  fmt::print("{}: {} documents of {} files, {} tokens ({}, vocabulary {}), {:.3f} bytes per token, in {:.1f} s\n", summary.written,
             summary.store.documents, summary.files, summary.store.tokens, summary.store.tokenizer_kind, summary.store.vocabulary,
             bytes_per_token(summary), seconds);
  print_splits(summary.documents, summary.tokens);
  if (summary.shards > 1) fmt::print("  {} shards, which the dataset file lists\n", summary.shards);
  if (summary.empty_documents > 0) fmt::print("  {} empty documents left out\n", summary.empty_documents);
  if (summary.duplicates > 0) fmt::print("  {} documents left out that repeat an earlier one\n", summary.duplicates);
  if (summary.invalid_documents > 0)
    fmt::print("  {} documents left out that are not UTF-8 ({} ill-formed parts, {} bytes)\n", summary.invalid_documents,
               summary.replaced_sequences, summary.replaced_bytes);
  if (summary.repaired_documents > 0)
    fmt::print("  {} sequences that are not UTF-8 ({} bytes) replaced by U+FFFD, in {} documents\n", summary.replaced_sequences,
               summary.replaced_bytes, summary.repaired_documents);
  if (summary.documents[static_cast<std::size_t>(Split::validation)] == 0)
    fmt::print("  note: no document fell into the validation split; raise --valid, or use --documents blank-line for smaller documents\n");
}

struct ImportLine : CommandLine {
  ImportLine() : CommandLine("ergon data import", "make a token store from text") {
    option(options.output, "-o,--output", "STORE",
           "the store to write (NAME.h5; beyond --shard-size NAME.json and its shards), or the dataset file (NAME.json)", Needed::yes);
    choice(documents, "--documents", {"file", "blank-line"}, "what a document is: a file, or a block between blank lines");
    option(options.documents.text_key, "--text-key", "KEY", "the key that holds the text, in *.jsonl and *.ndjson (one object a line)");
    choice(format, "--format", {"by-name", "text", "jsonl"}, "of the input, compressed or not; standard input has no name: text");
    option(options.tokenizer.name, "--tokenizer", "NAME",
           "bytes, sentencepiece (trained on the input), or a tokenizer's file: KIND:PATH or PATH (below)");
    option(options.tokenizer.end_of_document, "--end-of-document", "TOKEN",
           "the token that ends a document, where the tokenizer's file leaves it open");
    option(options.tokenizer.pattern, "--tokenizer-pattern", "PATTERN",
           "what splits text before a tiktoken file: gpt2, cl100k, o200k, llama3 or a regular expression");
    option(options.vocabulary, "--vocab", "N", "pieces of a SentencePiece model that is trained");
    option(training_mebibytes, "--train-text", "MIB", "text that trains the tokenizer, at most");
    option(options.splits.validation, "--valid", "FRACTION", "documents for validation");
    option(options.splits.test, "--test", "FRACTION", "documents for test");
    flag(options.deduplicate, "--deduplicate", "leave out documents whose text came before");
    choice(invalid, "--invalid-utf8", invalid_utf8_choices, "what becomes of a document that is not UTF-8");
    option(document_mebibytes, "--max-document", "MIB",
           "the longest document; a longer one is refused (memory: 9 times this; 250 with "
           "SentencePiece models that are not byte-pair encoding)");
    option(shard_mebibytes, "--shard-size", "MIB", "tokens of a shard, at most");
    option(threads, "--threads", "N", "workers; 0: one a core");
    flag(fresh, "--fresh", "begin again where an import to this output was interrupted, instead of going on");
    flag(force, "--force", "replace an existing output, a dataset with the shards that it lists");
    flag(json, "--json", "print the summary as JSON");
    rest(options.documents.inputs, "INPUT", "files or folders of text, gzip and zstd too; - is standard input", Needed::yes);
    footer(
        "Examples:\n  ergon data import corpus/ -o tokens.h5\n  ergon data import book.txt -o tokens.h5 --documents blank-line --tokenizer "
        "sentencepiece --vocab 4096\n  ergon data import crawl/*.jsonl.zst -o tokens.json --deduplicate\n  ergon data import corpus/ "
        "-o tokens.h5 --tokenizer tiktoken:gpt2.tiktoken\nAn import that was killed goes on when the same line is given again.\n\nFiles of "
        "tokenizers: sentencepiece:FILE.model  tiktoken:FILE  huggingface:tokenizer.json  gpt2:FOLDER (vocab.json and "
        "merges.txt)\nSpecial tokens that a document spells are text there.\n");
  }

  // The choices and numbers of the line as options.
  void settle() {
    options.documents.rule = documents == "file" ? DocumentRule::file : DocumentRule::blank_line;
    options.documents.format = format == "by-name" ? FormatRule::by_name : format == "text" ? FormatRule::text : FormatRule::json_lines;
    options.invalid_utf8 = invalid_utf8_of(invalid);
    options.existing = force ? Existing::replace : Existing::refuse;
    options.begin = fresh ? Begin::fresh : Begin::resume;
    options.training_text = {bytes(training_mebibytes, "--train-text", INT64_MAX >> 20)};
    options.documents.max_document = bytes(document_mebibytes, "--max-document", 1024);
    options.shards.tokens = {bytes(shard_mebibytes, "--shard-size", 1 << 20)};
    if (threads < 0 || threads > 1024) throw Error(fmt::format("{} threads are out of range", threads), "--threads", "give 0 to 1024");
    options.threads = static_cast<int>(threads);
    const std::string& tokenizer = options.tokenizer.name;
    if (tokenizer != "sentencepiece" && (given("--vocab") || given("--train-text")))
      throw Error("--vocab and --train-text concern a tokenizer that is trained", "--tokenizer",
                  "add --tokenizer sentencepiece, or leave them out");
    if ((tokenizer == "bytes" || tokenizer == "sentencepiece") && (given("--end-of-document") || given("--tokenizer-pattern")))
      throw Error("--end-of-document and --tokenizer-pattern concern a tokenizer that comes from a file", "--tokenizer",
                  "name a file, or leave them out");
  }

  ImportOptions options;
  bool json = false;

 private:
  static std::int64_t bytes(std::int64_t mebibytes, const char* key, std::int64_t most) {
    if (mebibytes < 1 || mebibytes > most)
      throw Error(fmt::format("{} MiB is out of range", mebibytes), key, fmt::format("give 1 to {}", most));
    return mebibytes << 20;
  }

  std::string documents = "file", format = "by-name", invalid = "replace";
  std::int64_t training_mebibytes = 32, document_mebibytes = 64, shard_mebibytes = 4096, threads = 0;
  bool force = false, fresh = false;
};

ImportSummary import_with_progress(const ImportOptions& options, Storage& storage) {
  ImportPrinter printer(stderr, style_of(stderr));
  if (std::ranges::count(options.documents.inputs, standard_input) > 0)
    printer.message("import: standard input is read once: this import cannot go on after an interruption");
  try {
    return import_text(options, storage, [&](const ImportProgress& progress) { printer.show(progress); });
  } catch (const InputError&) {
    if (const std::string folder = resumable_folder(options, storage); !folder.empty())
      printer.message(
          fmt::format("import: what was done is kept in {}, but the same line would be refused again; --fresh begins again, "
                      "with another input or other options",
                      folder));
    throw;
  } catch (const Error&) {
    if (const std::string folder = resumable_folder(options, storage); !folder.empty())
      printer.message(fmt::format("import: what was done is kept in {}: the same line goes on from there", folder));
    throw;
  }
}

}  // namespace

int command_data_import(int argc, char** argv) {
  ImportLine line;
  if (!line.parse(argc, argv)) return 0;
  line.settle();
  Storage storage(hdf5_helper());
  const Clock::time_point start = Clock::now();
  const ImportSummary summary = import_with_progress(line.options, storage);
  const double seconds = since(start).value;
  line.json ? print_json(summary, seconds) : print_text(summary, seconds);
  return 0;
}

}  // namespace ergon
