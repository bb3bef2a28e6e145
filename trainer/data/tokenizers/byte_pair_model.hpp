// SPDX-License-Identifier: Apache-2.0
// One piece of text to ids by byte-pair encoding: the piece as symbols (its bytes, or its characters), merged.
//
// Thread safety: encode() is const; a scratch belongs to one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "trainer/data/tokenizers/merges.hpp"
#include "trainer/data/tokenizers/piece_cache.hpp"
#include "trainer/data/tokenizers/token_table.hpp"

namespace ergon {

struct PieceScratch {
  PieceCache cache;
  MergeScratch merging;
  std::vector<std::int32_t> symbols;
};

struct BytePairModel {
  enum class Symbols { bytes, characters };

  TokenTable tokens;
  MergeTable merges;
  Symbols symbols = Symbols::bytes;
  bool whole_piece_first = false;            // a piece that is a token is that token, whatever the merges would make of it
  std::array<std::int32_t, 256> byte_ids{};  // by value; -1: no token. With characters: those of byte fallback
  bool byte_fallback = false;                // a character that is no token becomes its bytes, when all of them are tokens
  std::int32_t unknown = TokenTable::none;   // what stands for a symbol that is no token
  bool fuse_unknown = false;                 // one `unknown` for a run of them

  // Appends the ids of the piece. A symbol that is no token and has no `unknown` gives none, so makers of a model see to it that this
  // cannot happen to valid UTF-8 (missing_byte).
  void encode(std::string_view piece, std::vector<std::int32_t>& ids, PieceScratch& scratch) const;

  // The first byte that occurs in UTF-8 and has no id in byte_ids; -1: none is missing.
  int missing_byte() const;

 private:
  void split(std::string_view piece, std::vector<std::int32_t>& symbols) const;
};

}  // namespace ergon
