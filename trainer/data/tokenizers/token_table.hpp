// SPDX-License-Identifier: Apache-2.0
// The tokens of a vocabulary: bytes to id and back, each in constant time. Ids may have holes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace ergon {

// For hash tables in memory; nothing on disk depends on it.
std::uint64_t hash_of(std::string_view bytes);

class TokenTable {
 public:
  // Ids below this take 64 MiB when one of them is the largest; no vocabulary that was published has a quarter of it.
  static constexpr std::int32_t most_ids = 1 << 22, none = -1;

  // False when the bytes or the id are taken already, or the id is not in [0, most_ids).
  [[nodiscard]] bool add(std::string_view bytes, std::int64_t id);

  std::int32_t find(std::string_view bytes) const;                                // none: no such token
  std::string_view bytes(std::int32_t id) const;                                  // empty for a hole
  bool has(std::int32_t id) const;                                                // for any number
  std::int64_t count() const { return count_; }                                   // tokens
  std::int32_t end() const { return static_cast<std::int32_t>(tokens_.size()); }  // ids are below it

 private:
  struct Place {
    std::uint64_t begin = 0;
    std::uint32_t size = 0;
    bool used = false;
  };
  struct Slot {
    std::uint32_t tag = 0;  // upper half of the hash
    std::int32_t id = none;
  };
  void grow();
  std::string_view view(const Place& place) const { return {text_.data() + place.begin, place.size}; }

  std::vector<char> text_;     // all tokens, one after the other
  std::vector<Place> tokens_;  // by id
  std::vector<Slot> slots_;    // a power of two, at most half full
  std::int64_t count_ = 0;
};

}  // namespace ergon
