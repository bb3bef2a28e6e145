// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/statistics.hpp"

#include <algorithm>
#include <bit>

namespace ergon {
namespace {

std::vector<TokenCount> most_frequent(const std::vector<std::int64_t>& counts, std::int64_t top) {
  std::vector<TokenCount> all;
  for (std::size_t id = 0; id < counts.size(); ++id)
    if (counts[id] > 0) all.push_back({static_cast<std::int32_t>(id), counts[id]});
  const auto keep = std::min<std::int64_t>(top, std::ssize(all));
  std::partial_sort(all.begin(), all.begin() + keep, all.end(),
                    [](const TokenCount& a, const TokenCount& b) { return a.count != b.count ? a.count > b.count : a.id < b.id; });
  all.resize(static_cast<std::size_t>(keep));
  return all;
}

void describe_lengths(StoreStatistics& statistics, std::vector<std::int64_t>& lengths) {
  if (lengths.empty()) return;
  std::ranges::sort(lengths);
  statistics.shortest = lengths.front();
  statistics.median = lengths[(lengths.size() - 1) / 2];
  statistics.longest = lengths.back();
  statistics.lengths.assign(static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(lengths.back()))), 0);
  for (std::int64_t length : lengths)
    ++statistics.lengths[static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(length))) - 1];
}

std::int64_t tokens_of(const TokenStores& stores, std::optional<Split> split) {
  std::int64_t tokens = 0;
  for (const auto& store : stores)
    for (const DocumentRange& range : documents_of(*store, split))
      tokens += static_cast<std::int64_t>(store->offsets()[range.end] - store->offsets()[range.begin]);
  return tokens;
}

}  // namespace

StoreStatistics store_statistics(const TokenStores& stores, std::optional<Split> split, std::int64_t top,
                                 const std::function<void(std::int64_t done, std::int64_t total)>& progress) {
  StoreStatistics statistics;
  SeenDocuments before;
  std::vector<std::int64_t> counts(static_cast<std::size_t>(stores.front()->info().vocabulary)), lengths;
  const std::int64_t total = tokens_of(stores, split);
  const auto count = [&](const TokenStore& store, std::uint64_t document) {
    lengths.push_back(static_cast<std::int64_t>(store.offsets()[document + 1] - store.offsets()[document]));
    Sha256 hash;
    read_document(store, document, [&](std::span<const std::int32_t> ids) {
      hash.add(std::as_bytes(ids));
      for (std::int32_t id : ids) ++counts[static_cast<std::size_t>(id)];
    });
    statistics.duplicates += before.seen(hash);
    statistics.tokens += lengths.back();
    if (progress) progress(statistics.tokens, total);
  };
  for (const auto& store : stores)
    for (const DocumentRange& range : documents_of(*store, split))
      for (std::uint64_t d = range.begin; d < range.end; ++d) count(*store, d);
  statistics.documents = std::ssize(lengths);
  describe_lengths(statistics, lengths);
  statistics.different_tokens = std::ranges::count_if(counts, [](std::int64_t count) { return count > 0; });
  statistics.top = most_frequent(counts, top);
  return statistics;
}

}  // namespace ergon
