// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/piece_cache.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("piece_cache: gives back what it was given, or nothing") {
  PieceCache cache;
  std::vector<std::int32_t> ids = {9};
  CHECK_FALSE(cache.find("the", ids));
  cache.keep("the", std::vector<std::int32_t>{1, 2});

  CHECK(cache.find("the", ids));
  CHECK(ids == std::vector<std::int32_t>{9, 1, 2});
  CHECK_FALSE(cache.find("thf", ids));
  CHECK_FALSE(cache.find("", ids));
  CHECK(ids.size() == 3);
}

TEST_CASE("piece_cache: what does not fit is not kept, and places are shared") {
  PieceCache cache;
  std::vector<std::int32_t> ids;
  const std::string longest(PieceCache::longest_piece, 'x');
  cache.keep(longest, std::vector<std::int32_t>{1});
  cache.keep(longest + "x", std::vector<std::int32_t>{1});
  cache.keep("many", std::vector<std::int32_t>(PieceCache::most_ids + 1, 1));
  CHECK(cache.find(longest, ids));
  CHECK_FALSE(cache.find(longest + "x", ids));
  CHECK_FALSE(cache.find("many", ids));

  int kept = 0;
  for (int i = 0; i < 200'000; ++i) cache.keep(std::to_string(i), std::vector<std::int32_t>{i});
  for (int i = 0; i < 200'000; ++i) {
    ids.clear();
    if (!cache.find(std::to_string(i), ids)) continue;
    REQUIRE(ids == std::vector<std::int32_t>{i});
    ++kept;
  }
  CHECK(kept > 20'000);
  CHECK(kept < 100'000);
}
