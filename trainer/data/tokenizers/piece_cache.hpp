// SPDX-License-Identifier: Apache-2.0
// What short pieces of text became lately. Of fixed size; a piece that comes later to the same place takes it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace ergon {

class PieceCache {
 public:
  static constexpr std::size_t longest_piece = 25, most_ids = 5;  // bytes; longer ones are not kept
  PieceCache();
  // Appends the ids of the piece to `ids`; false when it is not there.
  bool find(std::string_view piece, std::vector<std::int32_t>& ids) const;
  void keep(std::string_view piece, std::span<const std::int32_t> ids);

 private:
  struct Entry {
    std::int32_t ids[most_ids];
    char text[longest_piece];
    std::uint8_t bytes;  // 0: empty
    std::uint8_t count;
  };
  std::vector<Entry> entries_;  // by hash
};

}  // namespace ergon
