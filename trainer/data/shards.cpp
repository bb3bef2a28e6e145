// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/shards.hpp"

#include <algorithm>

namespace ergon {

SpooledDocuments::SpooledDocuments(const Spool& spool, std::vector<std::int64_t> documents, std::vector<bool> duplicate)
    : spool_(spool), ends_(std::move(documents)), duplicate_(std::move(duplicate)) {
  for (std::size_t unit = 1; unit < ends_.size(); ++unit) ends_[unit] += ends_[unit - 1];
}

void SpooledDocuments::each_unit(std::int64_t begin, std::int64_t end, const std::function<void(std::int64_t, std::int64_t)>& visit) const {
  for (auto unit = std::ranges::upper_bound(ends_, begin); unit != ends_.end(); ++unit) {
    const std::int64_t first = unit == ends_.begin() ? 0 : *(unit - 1);
    if (first >= end) return;
    if (*unit > first) visit(unit - ends_.begin(), first);
  }
}

void SpooledDocuments::each(std::int64_t begin, std::int64_t end,
                            const std::function<void(std::int64_t, const SpoolDocument&)>& visit) const {
  each_unit(begin, end, [&](std::int64_t unit, std::int64_t document) {
    for (const SpoolDocument& one : spool_.table(unit)) {
      if (document >= begin && document < end && kept(document)) visit(document, one);
      ++document;
    }
  });
}

void SpooledDocuments::tokens(std::int64_t begin, std::int64_t end, const std::function<void(std::span<const std::byte>)>& consume) const {
  each_unit(begin, end, [&](std::int64_t unit, std::int64_t document) {
    // Runs of bytes, in the unit's order, that are given on or left out.
    struct Run {
      std::int64_t bytes;
      bool given;
    };
    std::vector<Run> runs;
    for (const SpoolDocument& one : spool_.table(unit)) {
      const bool given = document >= begin && document < end && kept(document);
      if (runs.empty() || runs.back().given != given) runs.push_back({0, given});
      runs.back().bytes += one.tokens * spool_.token_bytes();
      ++document;
    }
    auto run = runs.begin();
    spool_.tokens(unit, [&](std::span<const std::byte> piece) {
      while (!piece.empty()) {
        while (run->bytes == 0) ++run;
        const auto part = std::min(piece.size(), static_cast<std::size_t>(run->bytes));
        if (run->given) consume(piece.first(part));
        piece = piece.subspan(part);
        run->bytes -= static_cast<std::int64_t>(part);
      }
    });
  });
}

std::vector<ShardPlan> plan_shards(const SpooledDocuments& documents, const ShardLimits& limits, std::int64_t token_bytes,
                                   std::int64_t files) {
  std::vector<ShardPlan> shards;
  std::int64_t last_file = -1;
  documents.each(0, documents.size(), [&](std::int64_t document, const SpoolDocument& one) {
    const bool full = shards.empty() || shards.back().documents == limits.documents ||
                      (shards.back().tokens + one.tokens) * token_bytes > limits.tokens.value;
    const std::int64_t file = one.file;
    // A file without a document counts to the shard behind it.
    if (full) shards.push_back({document, document, 0, 0, file == last_file ? file : last_file + 1, 0});
    ShardPlan& shard = shards.back();
    shard.end = document + 1;
    ++shard.documents;
    shard.tokens += one.tokens;
    shard.end_file = file + 1;
    last_file = file;
  });
  if (!shards.empty()) shards.back().end_file = files;
  return shards;
}

TokenStoreInfo write_shard(const std::string& path, const SpooledDocuments& documents, const ShardPlan& plan, const Tokenizer& tokenizer,
                           const std::string& sources, Storage& storage, const std::function<void(std::int64_t)>& progress) {
  TokenStoreInfo info = token_store_info(tokenizer);
  TokenStoreTables tables;
  tables.tokenizer = tokenizer.definition();
  tables.sources = sources;
  tables.offsets.reserve(static_cast<std::size_t>(plan.documents) + 1);
  tables.offsets.push_back(0);
  documents.each(plan.begin, plan.end, [&](std::int64_t, const SpoolDocument& one) {
    add_to_split(tables, static_cast<std::uint64_t>(info.documents++), static_cast<Split>(one.split));
    info.tokens += one.tokens;
    tables.offsets.push_back(static_cast<std::uint64_t>(info.tokens));
  });
  const TokenBytes tokens = [&](const std::function<void(std::span<const std::byte>)>& consume) {
    documents.tokens(plan.begin, plan.end, [&](std::span<const std::byte> piece) {
      consume(piece);
      if (progress) progress(std::ssize(piece));
    });
  };
  tables.crc = block_checksums(tokens);
  return write_token_store(path, info, tables, tokens, storage);
}

}  // namespace ergon
