// SPDX-License-Identifier: Apache-2.0
// Files of ids as other systems write them, small.
#pragma once

#include <string>
#include <vector>

#include "tests/trainer/data/store_fixture.hpp"
#include "trainer/data/foreign/flat_header.hpp"
#include "trainer/data/foreign/foreign_file.hpp"

namespace ergon::test {

inline std::string encoded(TokenDtype dtype, const std::vector<std::int32_t>& ids) {
  std::string bytes(ids.size() * static_cast<std::size_t>(size_of(dtype)), '\0');
  encode_tokens(dtype, ids, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

inline std::string text_of(const std::vector<std::byte>& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Ids 0 to 49 with a 50 here and there, three in a row among them and none at the end.
inline std::vector<std::int32_t> some_ids(int count) {
  std::vector<std::int32_t> ids;
  for (int i = 0; i < count; ++i) ids.push_back(i % 17 == 16 || (i > 40 && i < 44) ? 50 : (i * i + 3 * i) % 50);
  return ids;
}

// Nine sequences of int32 in five documents, of which two have no token.
inline MegatronIndex some_index() {
  return {TokenDtype::i32, {3, 0, 4, 1, 0, 0, 7, 2, 0}, {0, 3, 3, 4, 6, 9}, {0, 1, 0, 0, 0, 1, 0, 0, 2}};
}

inline std::vector<std::int32_t> all_ids(const ForeignFile& file, Storage& storage, std::int64_t piece = 7) {
  std::vector<std::int32_t> result;
  read_foreign(
      file, storage, [&](std::span<const std::int32_t> ids) { result.insert(result.end(), ids.begin(), ids.end()); }, piece);
  return result;
}

}  // namespace ergon::test
