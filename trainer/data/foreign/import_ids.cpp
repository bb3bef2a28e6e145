// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/foreign/import_ids.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "trainer/data/foreign/ids_tokenizer.hpp"

namespace ergon {
namespace {

std::int64_t largest_id_in(const ForeignFile& file, Storage& storage) {
  std::int32_t most = 0;
  read_foreign(file, storage, [&](std::span<const std::int32_t> ids) { most = std::max(most, *std::ranges::max_element(ids)); });
  return most;
}

std::unique_ptr<Tokenizer> unknown_tokenizer(const IdsImportOptions& options, const ForeignFile& file, Storage& storage) {
  std::int64_t vocabulary = options.vocabulary;
  if (vocabulary == 0) vocabulary = std::max<std::int64_t>(largest_id_in(file, storage), options.eod) + 1;
  return make_ids_tokenizer(vocabulary, options.eod);
}

// Where documents end, as ids go by.
class Boundaries {
 public:
  Boundaries(const ForeignFile& file, std::int32_t eod, EodPlace place) : index_(file.index), eod_(eod), place_(place) {
    if (file.format != ForeignFormat::megatron) return;
    by_table_ = true;
    next_document();
  }

  // Of `ids`, the first of which is the `begin`-th of the file: how many belong to the document under way, and whether it ends there.
  struct Part {
    std::int64_t count;
    bool ends;
  };
  Part part(std::span<const std::int32_t> ids, std::int64_t begin) {
    if (by_table_) {
      const std::int64_t left = end_ - begin, count = std::min(left, std::ssize(ids));
      if (count == left) next_document();
      return {count, count == left};
    }
    if (eod_ < 0) return {std::ssize(ids), false};
    // A document that begins with an eod ends before the next one.
    const auto from = ids.begin() + (place_ == EodPlace::start && fresh_ ? 1 : 0);
    const auto found = std::find(from, ids.end(), eod_);
    fresh_ = found != ids.end();
    return {(found - ids.begin()) + (fresh_ && place_ == EodPlace::end ? 1 : 0), fresh_};
  }

 private:
  // The end of the next document of the table that has a token.
  void next_document() {
    const std::int64_t before = end_;
    while (end_ == before && ++document_ < index_.documents.size())
      for (std::int64_t s = index_.documents[document_ - 1]; s < index_.documents[document_]; ++s)
        end_ += index_.lengths[static_cast<std::size_t>(s)];
  }

  const MegatronIndex& index_;
  std::int32_t eod_;
  EodPlace place_;
  bool by_table_ = false, fresh_ = true;
  std::size_t document_ = 0;
  std::int64_t end_ = 0;
};

// Feeds a writer, and counts.
class DocumentFeed {
 public:
  DocumentFeed(TokenStoreWriter& writer, const IdsImportOptions& options, std::int64_t vocabulary, const std::string& path)
      : writer_(writer), options_(options), vocabulary_(vocabulary), path_(path) {}

  void append(std::span<const std::int32_t> ids) {
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (ids[i] >= vocabulary_)
        throw Error(
            fmt::format("id {} at place {} is outside the vocabulary of {}", ids[i], done_ + static_cast<std::int64_t>(i), vocabulary_),
            path_, "name the tokenizer or the vocabulary that the ids were made with", ExitCode::data);
    writer_.append(ids);
    hash_.add(std::as_bytes(ids));
    tokens_ += std::ssize(ids);
    done_ += std::ssize(ids);
  }
  void end_document(IdsImportSummary& summary) {
    if (tokens_ == 0) return;
    const double place = split_place(hash_);
    const Split split = options_.split.value_or(split_at(place, options_.fractions));
    writer_.end_document(split);
    ++summary.documents[static_cast<std::size_t>(split)];
    summary.tokens[static_cast<std::size_t>(split)] += std::exchange(tokens_, 0);
    hash_ = Sha256();
  }
  std::int64_t done() const { return done_; }

 private:
  TokenStoreWriter& writer_;
  const IdsImportOptions& options_;
  std::int64_t vocabulary_;
  const std::string& path_;
  Sha256 hash_;
  std::int64_t tokens_ = 0, done_ = 0;
};

ForeignOrigin origin_of(const ForeignFile& file) {
  ForeignOrigin origin;
  origin.description = nlohmann::json({{"format", name(file.format)}, {"dtype", name(file.dtype)}}).dump();
  origin.header = file.header;
  origin.sequences.assign(file.index.lengths.begin(), file.index.lengths.end());
  origin.documents.assign(file.index.documents.begin(), file.index.documents.end());
  for (std::int8_t mode : file.index.modes) origin.modes.push_back(static_cast<std::uint8_t>(mode));
  return origin;
}

std::string sources_of(const ForeignFile& file, const IdsImportOptions& options) {
  return nlohmann::json({{"files", {{{"name", std::filesystem::path(file.path).filename().string()}, {"tokens", file.tokens}}}},
                         {"documents", file.format == ForeignFormat::megatron ? "by table"
                                       : options.eod_place == EodPlace::end   ? "eod ends"
                                                                              : "eod begins"},
                         {"split", options.split ? name(*options.split) : "by hash"},
                         {"valid", options.fractions.validation},
                         {"test", options.fractions.test}})
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

IdsImportSummary import_ids(const IdsImportOptions& options, Storage& storage,
                            const std::function<void(std::int64_t done, std::int64_t total)>& progress) {
  check_fractions(options.fractions);
  const ForeignFile file = open_foreign(options.input, options.format, options.dtype, storage);
  if (options.existing == Existing::refuse && storage.exists(options.output))
    throw Error("already exists", options.output, "name another output, or give --force to replace it");
  std::unique_ptr<Tokenizer> unknown;
  if (options.tokenizer == nullptr) unknown = unknown_tokenizer(options, file, storage);
  const Tokenizer& tokenizer = unknown ? *unknown : *options.tokenizer;

  TokenStoreWriter writer(options.output, tokenizer, storage, options.existing);
  IdsImportSummary summary{{}, file.format, file.dtype};
  Boundaries boundaries(file, tokenizer.eod(), options.eod_place);
  DocumentFeed feed(writer, options, tokenizer.vocabulary(), file.path);
  read_foreign(file, storage, [&](std::span<const std::int32_t> ids) {
    while (!ids.empty()) {
      const auto [count, ends] = boundaries.part(ids, feed.done());
      feed.append(ids.first(static_cast<std::size_t>(count)));
      if (ends) feed.end_document(summary);
      ids = ids.subspan(static_cast<std::size_t>(count));
    }
    if (progress) progress(feed.done(), file.tokens);
  });
  feed.end_document(summary);
  summary.store = writer.finish(sources_of(file, options), origin_of(file));
  return summary;
}

}  // namespace ergon
