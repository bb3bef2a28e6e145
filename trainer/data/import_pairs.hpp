// SPDX-License-Identifier: Apache-2.0
// Pairs of texts into a token store: a prompt and the response that shows how to answer it, or a source and its target. A pair is one
// document, prompt separator response eod, of which the loss sees the response and the eod: the store keeps where the response begins
// (/docs/answers), and everything before it is context only. A pair's split depends on its two texts alone.
#pragma once

#include <cstdint>
#include <string>

#include "trainer/data/import.hpp"

namespace ergon {

struct PairOptions {
  DocumentOptions documents;  // text_key: of the response; prompt_key: of the prompt; both must be named
  std::string output;
  Existing existing = Existing::refuse;
  std::string separator = "\n";  // between the two
  SplitFractions fractions = {};
  InvalidUtf8 invalid_utf8 = InvalidUtf8::replace;  // of the line that a pair stands in
  std::int64_t longest = 0;                         // tokens of a pair; a longer one is left out, for training would cut it; 0: any
};

struct PairSummary {
  TokenStoreInfo store;
  std::int64_t empty = 0, too_long = 0, invalid = 0;                      // pairs left out: without a response; longer than `longest`
  std::int64_t repaired = 0, replaced_sequences = 0, replaced_bytes = 0;  // invalid pairs are in the last two
  std::int64_t prompt_tokens = 0;                                         // with separators: of the store's tokens those that are no labels
  std::int64_t documents[3] = {}, tokens[3] = {};                         // by Split
};

// Throws Error (ExitCode::data) for a line without both texts, one that is not UTF-8 where that is refused, input that is no JSON lines, no
// pair left.
PairSummary import_pairs(const PairOptions& options, const Tokenizer& tokenizer, Storage& storage, const ProgressSink& progress = {});

}  // namespace ergon
