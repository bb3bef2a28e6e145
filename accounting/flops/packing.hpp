// SPDX-License-Identifier: Apache-2.0
// How the tokens of a run stand in sequences, as far as attention can tell: a sample of the run (one sequence, or the documents of a file)
// with its (query, key) pairs by every way in which conventions count them.
//
//   pairs          one sequence of s    documents of L_i tokens packed into sequences of s
//   full           s^2                  s for each token: who counts so knows no documents
//   half           s^2 / 2              s / 2 for each token
//   document_half  s^2 / 2              sum L_i^2 / 2
//   visible        what the model's mask (causal or full, its window) leaves of one sequence, or of each document
//
// Example: documents of 1, 2 and 4 tokens, s = 4, no window: visible 1 + 3 + 10 = 14, document_half (1 + 4 + 16) / 2, full 28, half 14.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "configs/quantities.hpp"
#include "parallel/plan/context_blocks.hpp"

namespace ergon {

enum class CountedPairs : std::uint8_t { none, full, half, document_half, visible };

struct Packing {
  std::int64_t sequence = 0;   // s
  std::int64_t tokens = 0;     // of the sample
  std::int64_t documents = 0;  // 0: one sequence
  std::int64_t longest = 0;    // document
  // Twice the pairs, because half of s^2 need not be whole.
  unsigned __int128 twice_full = 0, twice_document_half = 0, twice_visible = 0;
};

// `rule`: of the model (attention_rule).
Packing whole_sequence(std::int64_t length, const AttentionRule& rule);
// Of a causal model; window 0: all earlier keys.
inline Packing whole_sequence(std::int64_t length, std::int64_t window) { return whole_sequence(length, AttentionRule{.window = window}); }
// A token sees its own document only, and no document is cut by a sequence's end. Throws Error (`where`) for no document, for one that is
// empty, and for one that is longer than the sequence.
Packing packed_documents(const std::vector<std::int64_t>& lengths, std::int64_t sequence, const AttentionRule& rule,
                         const std::string& where);
inline Packing packed_documents(const std::vector<std::int64_t>& lengths, std::int64_t sequence, std::int64_t window,
                                const std::string& where) {
  return packed_documents(lengths, sequence, AttentionRule{.window = window}, where);
}

unsigned __int128 twice_pairs(const Packing& packing, CountedPairs pairs);
// "s x s", "s x s / 2", ...
const char* name(CountedPairs pairs);

// Of a file: one whole number a line (empty lines do not count), or a JSON array of them. Throws Error that names the line.
std::vector<std::int64_t> read_document_lengths(const std::string& path);

}  // namespace ergon
