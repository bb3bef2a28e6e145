// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/batch_payload.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("ids of up to 65,536 kinds take two bytes") {
  CHECK(token_bytes(257) == 2);
  CHECK(token_bytes(65536) == 2);
  CHECK(token_bytes(65537) == 4);
}

TEST_CASE("a sample's payload: two counts, T + 1 ids, T marks, in whole words") {
  CHECK(payload_words(8, 4) == 2 + 9 + 2);
  CHECK(payload_words(8, 2) == 2 + 5 + 2);  // 18 bytes of ids
  CHECK(payload_words(1, 2) == 2 + 1 + 1);
  CHECK(payload_words(1024, 2) == 2 + 513 + 256);
}
