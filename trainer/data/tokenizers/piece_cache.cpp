// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/piece_cache.hpp"

#include <algorithm>
#include <cstring>

#include "trainer/data/tokenizers/token_table.hpp"

namespace ergon {
namespace {

constexpr std::size_t places = 1 << 15;

}  // namespace

PieceCache::PieceCache() : entries_(places) {}

bool PieceCache::find(std::string_view piece, std::vector<std::int32_t>& ids) const {
  if (piece.empty() || piece.size() > longest_piece) return false;
  const Entry& entry = entries_[hash_of(piece) & (places - 1)];
  if (entry.bytes != piece.size() || std::memcmp(entry.text, piece.data(), piece.size()) != 0) return false;
  ids.insert(ids.end(), entry.ids, entry.ids + entry.count);
  return true;
}

void PieceCache::keep(std::string_view piece, std::span<const std::int32_t> ids) {
  if (piece.empty() || piece.size() > longest_piece || ids.size() > most_ids) return;
  Entry& entry = entries_[hash_of(piece) & (places - 1)];
  std::ranges::copy(ids, entry.ids);
  std::ranges::copy(piece, entry.text);
  entry.bytes = static_cast<std::uint8_t>(piece.size());
  entry.count = static_cast<std::uint8_t>(ids.size());
}

}  // namespace ergon
