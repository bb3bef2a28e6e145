// SPDX-License-Identifier: Apache-2.0
// `ergon data`: import text into a token store; inspect, verify, and compute the bigram baseline of one.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/hdf5_helper.hpp"
#include "trainer/data/bigram.hpp"
#include "trainer/data/import.hpp"

namespace ergon {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// A line on stderr: a new one over the old every half second on a terminal, else one every ten seconds.
class ProgressLine {
 public:
  void show(const ImportProgress& progress) {
    const double time = now();
    if (progress.phase != phase_) {
      phase_ = progress.phase;
      start_ = last_ = time;
    }
    if (time - last_ < (terminal_ ? 0.5 : 10.0)) return;
    last_ = time;
    const double rate = static_cast<double>(progress.done.value) / (time - start_);
    const double left = rate > 0 ? static_cast<double>(progress.total.value - progress.done.value) / rate : 0;
    fmt::print(stderr, "{}{}: {:.1f} of {:.1f} MB, {:.2f} MB/s, {:.0f} s left{}", terminal_ ? "\r" : "", phase_,
               static_cast<double>(progress.done.value) / 1e6, static_cast<double>(progress.total.value) / 1e6, rate / 1e6, left,
               terminal_ ? "   " : "\n");
    std::fflush(stderr);
    open_ = terminal_;
  }
  ~ProgressLine() {
    if (open_) fmt::print(stderr, "\n");
  }

 private:
  const bool terminal_ = isatty(STDERR_FILENO) != 0;
  const char* phase_ = nullptr;
  double start_ = 0, last_ = 0;
  bool open_ = false;
};

double share(std::int64_t part, std::int64_t whole) { return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0; }

void print_import_json(const ImportSummary& summary, const std::string& output, double seconds) {
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
                               {"bytes_per_token", share(summary.text.value, summary.store.tokens)},
                               {"empty_documents", summary.empty_documents},
                               {"repaired_documents", summary.repaired_documents},
                               {"replaced_sequences", summary.replaced_sequences},
                               {"splits", splits},
                               {"seconds", seconds}})
                   .dump(2)
            << std::endl;
}

void print_import(const ImportSummary& summary, const std::string& output, double seconds) {
  fmt::print("{}: {} documents of {} files, {} tokens ({}, vocabulary {}), {:.3f} bytes per token, in {:.1f} s\n", output,
             summary.store.documents, summary.files, summary.store.tokens, summary.store.tokenizer_kind, summary.store.vocabulary,
             share(summary.text.value, summary.store.tokens), seconds);
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

int data_import(int argc, char** argv) {
  CommandLine line("ergon data import", "make a token store from text");
  ImportOptions options;
  std::string documents = "file";
  bool json = false, force = false;
  std::int64_t training_megabytes = options.training_text.value >> 20;
  line.option(options.output, "-o,--output", "STORE", "the token store to write (.h5)", Needed::yes);
  line.choice(documents, "--documents", {"file", "blank-line"}, "what a document is: a file, or a block between blank lines");
  line.option(options.documents.text_key, "--text-key", "KEY", "the key that holds the text, in *.jsonl and *.ndjson (one object a line)");
  line.option(options.tokenizer, "--tokenizer", "NAME", "bytes, sentencepiece (trained on the input), or a SentencePiece .model file");
  line.option(options.vocabulary, "--vocab", "N", "pieces of a SentencePiece model that is trained");
  line.option(training_megabytes, "--train-text", "MIB", "text that trains the tokenizer, at most");
  line.option(options.validation, "--valid", "FRACTION", "documents for validation");
  line.option(options.test, "--test", "FRACTION", "documents for test");
  line.flag(force, "--force", "replace an existing output");
  line.flag(json, "--json", "print the summary as JSON");
  line.rest(options.documents.inputs, "INPUT", "files or folders of text", Needed::yes);
  line.footer(
      "Examples:\n  ergon data import corpus/ -o tokens.h5\n  ergon data import book.txt -o tokens.h5 --documents blank-line --tokenizer "
      "sentencepiece --vocab 4096\n");
  if (!line.parse(argc, argv)) return 0;
  options.documents.rule = documents == "file" ? DocumentRule::file : DocumentRule::blank_line;
  options.existing = force ? Existing::replace : Existing::refuse;
  if (training_megabytes < 1 || training_megabytes > INT64_MAX >> 20)
    throw Error(fmt::format("{} MiB is out of range", training_megabytes), "--train-text", "give 1 to 8796093022207");
  if (options.tokenizer != "sentencepiece" && (line.given("--vocab") || line.given("--train-text")))
    throw Error("--vocab and --train-text concern a tokenizer that is trained", "--tokenizer",
                "add --tokenizer sentencepiece, or leave them out");
  options.training_text = {training_megabytes << 20};

  Storage storage(hdf5_helper());
  const double start = now();
  ImportSummary summary;
  {
    ProgressLine progress;
    summary = import_text(options, storage, [&](const ImportProgress& step) { progress.show(step); });
  }
  json ? print_import_json(summary, options.output, now() - start) : print_import(summary, options.output, now() - start);
  return 0;
}

nlohmann::json split_counts(const TokenStore& store, Split split) {
  std::uint64_t documents = 0, tokens = 0;
  for (const DocumentRange& range : store.split(split)) {
    documents += range.end - range.begin;
    tokens += store.offsets()[range.end] - store.offsets()[range.begin];
  }
  return {{"documents", documents}, {"tokens", tokens}};
}

int data_inspect(int argc, char** argv) {
  CommandLine line("ergon data inspect", "what a token store holds");
  std::string path;
  bool json = false;
  line.flag(json, "--json", "print JSON");
  line.positional(path, "STORE", "a token store");
  if (!line.parse(argc, argv)) return 0;
  Storage storage(hdf5_helper());
  const TokenStore store(path, storage);
  const TokenStoreInfo& info = store.info();
  std::vector<std::int32_t> first(static_cast<std::size_t>(std::min<std::int64_t>(info.tokens, 64)));
  store.read(0, first);
  const std::string text = store.tokenizer()->decode(first);
  nlohmann::json splits;
  for (Split split : all_splits) splits[name(split)] = split_counts(store, split);
  const nlohmann::json attributes = {{"uuid", info.uuid},
                                     {"content_hash", info.content_hash},
                                     {"tokenizer_kind", info.tokenizer_kind},
                                     {"vocab_size", info.vocabulary},
                                     {"eod_id", info.eod},
                                     {"bos_id", info.bos},
                                     {"pad_id", info.pad},
                                     {"n_tokens", info.tokens},
                                     {"n_docs", info.documents},
                                     {"crc_block", info.crc_block},
                                     {"tokenizer_sha256", info.tokenizer_sha256},
                                     {"token_bytes", info.token_bytes}};
  if (json) {
    const nlohmann::json result = {{"schema", "ergon.data_inspect.v1"},
                                   {"store", path},
                                   {"attributes", attributes},
                                   {"splits", splits},
                                   {"sources", nlohmann::json::parse(store.sources(), nullptr, false)},
                                   {"first_tokens", first},
                                   {"first_text", text}};
    std::cout << result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
    return 0;
  }
  fmt::print("{}\n", path);
  for (const auto& [key, value] : attributes.items())
    fmt::print("  {:<17} {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  for (const auto& [key, value] : splits.items())
    fmt::print("  split {:<11} {} documents, {} tokens\n", key, value["documents"].get<std::int64_t>(),
               value["tokens"].get<std::int64_t>());
  fmt::print("  begins with       {}\n", nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return 0;
}

int data_verify(int argc, char** argv) {
  CommandLine line("ergon data verify", "read a whole token store and check every checksum and id");
  std::string path;
  bool json = false;
  line.flag(json, "--json", "print JSON");
  line.positional(path, "STORE", "a token store");
  if (!line.parse(argc, argv)) return 0;
  Storage storage(hdf5_helper());
  const TokenStore store(path, storage);
  store.verify();
  store.tokenizer();
  if (json) {
    const nlohmann::ordered_json result = {{"schema", "ergon.data_verify.v1"},
                                           {"store", path},
                                           {"sound", true},
                                           {"tokens", store.info().tokens},
                                           {"documents", store.info().documents},
                                           {"content_hash", store.info().content_hash}};
    std::cout << result.dump(2) << std::endl;
    return 0;
  }
  fmt::print("{}: sound ({} tokens, {} documents, content hash {})\n", path, store.info().tokens, store.info().documents,
             store.info().content_hash);
  return 0;
}

int data_bigram(int argc, char** argv) {
  CommandLine line("ergon data bigram", "cross-entropy of a bigram model of a store: the baseline of validation loss");
  std::string path;
  bool json = false;
  std::int64_t limit = 100'000'000;
  line.flag(json, "--json", "print JSON");
  line.option(limit, "--max-tokens", "N", "tokens of the train split that are counted, at most");
  line.positional(path, "STORE", "a token store");
  if (!line.parse(argc, argv)) return 0;
  if (limit < 20) throw Error(fmt::format("{} tokens are too few", limit), "--max-tokens", "give at least 20");
  Storage storage(hdf5_helper());
  const BigramResult result = fit_bigram(path, storage, {limit});
  if (json)
    std::cout << nlohmann::json({{"schema", "ergon.data_bigram.v1"},
                                 {"store", path},
                                 {"nats_per_token", result.nats_per_token},
                                 {"unigram_nats_per_token", result.unigram_nats_per_token},
                                 {"k", result.k},
                                 {"distinct_pairs", result.distinct_pairs},
                                 {"train_tokens", result.counted.value},
                                 {"validation_tokens", result.evaluated.value}})
                     .dump(2)
              << std::endl;
  else
    fmt::print(
        "bigram model: {:.4f} nats per token on the validation split ({} labels); unigram {:.4f}; {} pairs of {} tokens counted, k = "
        "{:.4g}\n",
        result.nats_per_token, result.evaluated.value, result.unigram_nats_per_token, result.distinct_pairs, result.counted.value,
        result.k);
  return 0;
}

constexpr struct {
  const char* name;
  int (*function)(int, char**);
} commands[] = {{"import", data_import}, {"inspect", data_inspect}, {"verify", data_verify}, {"bigram", data_bigram}};

}  // namespace

int command_data(int argc, char** argv) {
  for (const auto& command : commands)
    if (argc > 1 && std::string(argv[1]) == command.name) return command.function(argc - 1, argv + 1);
  CommandLine line("ergon data", "token stores: make, look into, check");
  line.subcommand("import", "make a token store from text");
  line.subcommand("inspect", "what a token store holds");
  line.subcommand("verify", "read a whole store and check every checksum and id");
  line.subcommand("bigram", "cross-entropy of a bigram model: the baseline of validation loss");
  line.footer("`ergon data COMMAND --help` lists the options of a command.\n");
  (void)line.parse(argc, argv);
  return 0;
}

}  // namespace ergon
