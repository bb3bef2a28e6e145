// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/import.hpp"

#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "trainer/data/tokenizers/tokenizer_file.hpp"
#include "trainer/data/utf8.hpp"

namespace ergon {
namespace {

// Uniform in [0, 1), from the text alone.
double fraction_of(std::string_view text) {
  Sha256 hash;
  hash.add(text);
  const auto digest = hash.digest();
  std::uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) bits = bits << 8 | std::to_integer<std::uint64_t>(digest[static_cast<std::size_t>(i)]);
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

void check_options(const ImportOptions& options) {
  if (options.documents.inputs.empty()) throw Error("no input", "data import", "name files or folders of text");
  for (const auto& [value, key] : {std::pair(options.validation, "--valid"), std::pair(options.test, "--test")})
    if (!(value >= 0 && value < 1))
      throw Error(fmt::format("{} is not a fraction", value), key, "give a number from 0 up to, but not including, 1");
  if (options.validation + options.test >= 1)
    throw Error(fmt::format("{} + {} leaves no document for training", options.validation, options.test), "--valid, --test",
                "give smaller fractions");
  if (options.vocabulary < 300 || options.vocabulary > 1'000'000)
    throw Error(fmt::format("{} pieces are out of range", options.vocabulary), "--vocab", "give 300 to 1000000 (256 of them are bytes)");
}

// Lines of documents drawn by hash, about `training_text` bytes of them.
std::string train_on(const ImportOptions& options, const std::function<void(const ImportProgress&)>& progress) {
  Documents documents(options.documents);
  const double share = static_cast<double>(options.training_text.value) / std::max(1.0, static_cast<double>(documents.total_bytes()));
  std::string document;
  std::size_t at = 0;
  const auto next_document = [&] {
    at = 0;
    while (documents.next(document)) {
      if (progress) progress({"train tokenizer", {documents.bytes_read()}, {documents.total_bytes()}});
      repair_utf8(document);
      // The draw must not be that of the splits, or it would leave out whole splits.
      if (!document.empty() && (share >= 1 || fraction_of(document + "tokenizer") < share)) return true;
    }
    document.clear();
    return false;
  };
  return train_sentencepiece(options.vocabulary, [&](std::string& line) {
    while (at >= document.size())
      if (!next_document()) return false;
    const std::size_t end = std::min(document.find('\n', at), document.size());
    line.assign(document, at, end - at);
    // The trainer takes NUL for the end of a sentence.
    std::erase(line, '\0');
    at = end + 1;
    return true;
  });
}

std::unique_ptr<Tokenizer> choose_tokenizer(const ImportOptions& options, Storage& storage,
                                            const std::function<void(const ImportProgress&)>& progress) {
  if (options.tokenizer == "bytes") return make_bytes_tokenizer();
  if (options.tokenizer == "sentencepiece") return make_sentencepiece_tokenizer(train_on(options, progress));
  return open_tokenizer({options.tokenizer, options.end_of_document, options.tokenizer_pattern}, storage);
}

std::string sources_json(const std::vector<SourceFile>& files, const ImportOptions& options) {
  nlohmann::json list = nlohmann::json::array();
  for (const SourceFile& file : files) list.push_back({{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  return nlohmann::json({{"files", list},
                         {"documents", options.documents.rule == DocumentRule::file ? "file" : "blank-line"},
                         {"text_key", options.documents.text_key},
                         {"valid", options.validation},
                         {"test", options.test},
                         {"invalid_utf8", "replaced by U+FFFD"}})
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Split split_of(std::string_view text, double validation, double test) {
  const double place = fraction_of(text);
  return place < validation ? Split::validation : place < validation + test ? Split::test : Split::train;
}

ImportSummary import_text(const ImportOptions& options, Storage& storage, const std::function<void(const ImportProgress&)>& progress) {
  check_options(options);
  Documents documents(options.documents);
  if (options.existing == Existing::refuse && storage.exists(options.output))
    throw Error("already exists", options.output, "name another output, or give --force to replace it");
  const auto tokenizer = choose_tokenizer(options, storage, progress);
  TokenStoreWriter writer(options.output, *tokenizer, storage, options.existing);

  ImportSummary summary;
  std::vector<std::int32_t> ids;
  for (std::string text; documents.next(text);) {
    if (progress) progress({"import", {documents.bytes_read()}, {documents.total_bytes()}});
    if (text.empty()) {
      ++summary.empty_documents;
      continue;
    }
    if (const std::int64_t replaced = repair_utf8(text); replaced > 0) {
      ++summary.repaired_documents;
      summary.replaced_sequences += replaced;
    }
    ids.clear();
    tokenizer->encode(text, ids);
    const Split split = split_of(text, options.validation, options.test);
    writer.add(ids, split);
    summary.text.value += std::ssize(text);
    ++summary.documents[static_cast<std::size_t>(split)];
    summary.tokens[static_cast<std::size_t>(split)] += std::ssize(ids) + 1;
  }
  summary.files = std::ssize(documents.sources());
  summary.store = writer.finish(sources_json(documents.sources(), options));
  return summary;
}

}  // namespace ergon
