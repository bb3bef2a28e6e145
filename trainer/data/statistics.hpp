// SPDX-License-Identifier: Apache-2.0
// What a token store is made of: how long its documents are, which tokens are frequent, how many documents are there twice.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "trainer/data/copy_documents.hpp"

namespace ergon {

struct TokenCount {
  std::int32_t id;
  std::int64_t count;
  bool operator==(const TokenCount&) const = default;
};

struct StoreStatistics {
  std::int64_t documents = 0, tokens = 0;
  std::int64_t shortest = 0, median = 0, longest = 0;  // tokens of a document, its eod counted
  std::vector<std::int64_t> lengths;                   // documents of 2^i to 2^(i+1) - 1 tokens, by i; the last is not 0
  std::vector<TokenCount> top;                         // most frequent first, then by id
  std::int64_t different_tokens = 0;                   // ids that occur
  std::int64_t duplicates = 0;                         // documents whose ids one before them has
};

// Of the stores together: one split, or all documents (nullopt). Reads every token. Memory: 8 bytes an id of the vocabulary, 24 a document.
StoreStatistics store_statistics(const TokenStores& stores, std::optional<Split> split, std::int64_t top,
                                 const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

}  // namespace ergon
