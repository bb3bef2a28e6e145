// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/token_table.hpp"

#include <cstring>

namespace ergon {
namespace {

constexpr std::uint64_t odd = 0x9E3779B97F4A7C15;

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a ^ odd) * (b ^ 0xD6E8FEB86659FD93);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t load(const char* from, std::size_t bytes) {
  std::uint64_t word = 0;
  if (bytes > 0) std::memcpy(&word, from, bytes);  // no bytes may come from nowhere
  return word;
}

}  // namespace

std::uint64_t hash_of(std::string_view bytes) {
  std::uint64_t hash = bytes.size() * 0xC2B2AE3D27D4EB4F;  // another number than mix() takes, which one length would undo
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left > 8; left -= 8, at += 8) hash = mix(hash, load(at, 8));
  return mix(hash, load(at, left));
}

bool TokenTable::add(std::string_view bytes, std::int64_t id) {
  if (id < 0 || id >= most_ids || has(static_cast<std::int32_t>(id)) || find(bytes) != none) return false;
  if (std::ssize(tokens_) <= id) tokens_.resize(static_cast<std::size_t>(id) + 1);
  tokens_[static_cast<std::size_t>(id)] = {text_.size(), static_cast<std::uint32_t>(bytes.size()), true};
  text_.insert(text_.end(), bytes.begin(), bytes.end());
  ++count_;
  if (2 * static_cast<std::size_t>(count_) > slots_.size()) {
    grow();
    return true;
  }
  const std::uint64_t hash = hash_of(bytes);
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at].id != none) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {static_cast<std::uint32_t>(hash >> 32), static_cast<std::int32_t>(id)};
  return true;
}

// Every token anew into a table of twice the size; the one that was added last is among them.
void TokenTable::grow() {
  slots_.assign(slots_.empty() ? 64 : 2 * slots_.size(), Slot{});
  for (std::size_t id = 0; id < tokens_.size(); ++id) {
    if (!tokens_[id].used) continue;
    const std::uint64_t hash = hash_of(view(tokens_[id]));
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at].id != none) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {static_cast<std::uint32_t>(hash >> 32), static_cast<std::int32_t>(id)};
  }
}

std::int32_t TokenTable::find(std::string_view bytes) const {
  if (slots_.empty()) return none;
  const std::uint64_t hash = hash_of(bytes);
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  for (std::size_t at = hash & (slots_.size() - 1); slots_[at].id != none; at = (at + 1) & (slots_.size() - 1))
    if (slots_[at].tag == tag && view(tokens_[static_cast<std::size_t>(slots_[at].id)]) == bytes) return slots_[at].id;
  return none;
}

std::string_view TokenTable::bytes(std::int32_t id) const {
  return has(id) ? view(tokens_[static_cast<std::size_t>(id)]) : std::string_view();
}

bool TokenTable::has(std::int32_t id) const { return id >= 0 && id < std::ssize(tokens_) && tokens_[static_cast<std::size_t>(id)].used; }

}  // namespace ergon
