// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/byte_pair_model.hpp"

#include <algorithm>

#include "trainer/data/tokenizers/code_points.hpp"

namespace ergon {
namespace {

bool in_utf8(int byte) { return byte < 0xC0 || (byte > 0xC1 && byte < 0xF5); }

}  // namespace

int BytePairModel::missing_byte() const {
  for (int byte = 0; byte < 256; ++byte)
    if (in_utf8(byte) && byte_ids[static_cast<std::size_t>(byte)] == TokenTable::none) return byte;
  return -1;
}

void BytePairModel::split(std::string_view piece, std::vector<std::int32_t>& ids) const {
  std::size_t unknowns = 0;  // symbols before this one that are no tokens and not yet written
  const auto write_unknowns = [&] {
    ids.insert(ids.end(), fuse_unknown ? std::min<std::size_t>(unknowns, 1) : unknowns, unknown);
    unknowns = 0;
  };
  const auto id_of_byte = [&](char c) { return byte_ids[static_cast<unsigned char>(c)]; };
  for (std::size_t at = 0; at < piece.size();) {
    const std::size_t bytes = symbols == Symbols::bytes ? 1 : code_point_at(piece, at).bytes;
    const std::string_view symbol = piece.substr(at, bytes);
    at += bytes;
    if (const std::int32_t id = symbols == Symbols::bytes ? id_of_byte(symbol[0]) : tokens.find(symbol); id != TokenTable::none) {
      write_unknowns();
      ids.push_back(id);
    } else if (byte_fallback && std::ranges::none_of(symbol, [&](char c) { return id_of_byte(c) == TokenTable::none; })) {
      // The reference does not write unknowns before bytes, but after the next token: so their order stays.
      for (const char c : symbol) ids.push_back(id_of_byte(c));
    } else if (unknown != TokenTable::none) {
      ++unknowns;
      if (!fuse_unknown && unknowns > 1) {
        ids.push_back(unknown);
        unknowns = 1;
      }
    }
  }
  write_unknowns();
}

void BytePairModel::encode(std::string_view piece, std::vector<std::int32_t>& ids, PieceScratch& scratch) const {
  if (whole_piece_first) {
    if (const std::int32_t id = tokens.find(piece); id != TokenTable::none) {
      ids.push_back(id);
      return;
    }
  }
  if (scratch.cache.find(piece, ids)) return;
  scratch.symbols.clear();
  split(piece, scratch.symbols);
  merge(merges, scratch.symbols, scratch.merging);
  ids.insert(ids.end(), scratch.symbols.begin(), scratch.symbols.end());
  scratch.cache.keep(piece, scratch.symbols);
}

}  // namespace ergon
