// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/head_exchange.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("head_exchange: the header's example") {
  CHECK(exchanged_heads(8, 2, 3, 0) == HeadRange{0, 2, 0, 1});
  CHECK(exchanged_heads(8, 2, 3, 1) == HeadRange{2, 3, 0, 2});
  CHECK(exchanged_heads(8, 2, 3, 2) == HeadRange{5, 3, 1, 1});
  CHECK(regular_heads(exchanged_heads(8, 2, 3, 1), 4) == std::vector<HeadRange>{{0, 2, 0, 1}, {2, 1, 1, 1}});
}

TEST_CASE("head_exchange: every query head once, with the key head it uses, in regular parts") {
  for (const auto& [heads, kv_heads] :
       {std::pair(8, 8), std::pair(8, 2), std::pair(8, 1), std::pair(7, 7), std::pair(12, 4), std::pair(6, 3)})
    for (int ranks = 1; ranks <= heads; ++ranks) {
      std::int64_t next = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const HeadRange range = exchanged_heads(heads, kv_heads, ranks, rank);
        CHECK(range.first_query == next);
        CHECK(range.num_query >= 1);
        next += range.num_query;
        std::int64_t query = 0, key = 0;
        for (const HeadRange& part : regular_heads(range, heads / kv_heads)) {
          CHECK((part.first_query == query && part.first_kv == key));
          REQUIRE((part.num_kv > 0 && part.num_query % part.num_kv == 0));
          for (std::int64_t h = 0; h < part.num_query; ++h)  // as a kernel maps them
            CHECK(range.first_kv + part.first_kv + h / (part.num_query / part.num_kv) ==
                  (range.first_query + part.first_query + h) / (heads / kv_heads));
          query += part.num_query;
          key += part.num_kv;
        }
        CHECK((query == range.num_query && key == range.num_kv));
      }
      CHECK(next == heads);
    }
}

TEST_CASE("head_exchange: regular ranges are one part") {
  CHECK(regular_heads(exchanged_heads(8, 8, 4, 1), 1) == std::vector<HeadRange>{{0, 2, 0, 2}});
  CHECK(regular_heads(exchanged_heads(8, 2, 2, 1), 4) == std::vector<HeadRange>{{0, 4, 0, 1}});
  CHECK(regular_heads(exchanged_heads(8, 1, 8, 5), 8) == std::vector<HeadRange>{{0, 1, 0, 1}});
}

TEST_CASE("head_exchange: more ranks than heads, or heads that do not share key heads evenly, are bugs") {
  CHECK_THROWS_AS(exchanged_heads(4, 4, 5, 0), Bug);
  CHECK_THROWS_AS(exchanged_heads(8, 3, 2, 0), Bug);
  CHECK_THROWS_AS(exchanged_heads(8, 2, 2, 2), Bug);
}

}  // namespace ergon
