// SPDX-License-Identifier: Apache-2.0
#include "trainer/attention/aten.hpp"

#include "configs/error.hpp"
#include "tests/trainer/attention/attention_oracle.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("ATen's attention equals the dense oracle where it applies, and is refused elsewhere") {
  const AtenAttention kernel;
  int done = 0, refused = 0;
  for (const AttentionCase& c : all_cases()) {
    INFO(c.name << " logits " << c.logits << " dropout " << c.dropout.p);
    const AttentionData data = attention_data(c);
    const AttentionAnswer expected = oracle(c, data);
    if (!AtenAttention::supports(c.mask, c.dropout)) {
      ++refused;
      CHECK_THROWS_AS(run_kernel(kernel, c, data, expected, at::kDouble), Error);
      continue;
    }
    ++done;
    const KernelAnswer got = run_kernel(kernel, c, data, expected, at::kDouble);
    CHECK(worst(got.answer, expected) <= 1e-12);
    CHECK(got.forward.declared);
    CHECK(got.backward.pairs_visible == c.mask.visible_pairs() * c.batch * c.heads);
  }
  CHECK(done == 10);
  CHECK(refused == 42);
}

TEST_CASE("what ATen is declared to compute follows its block sizes") {
  const AttentionTiles tiles = AtenAttention().tiles();
  CHECK(tiles.query_tile(191) == 32);
  CHECK(tiles.query_tile(192) == 64);
  CHECK(tiles.query_tile(768) == 256);
  CHECK(computed_pairs(causal_mask(128), tiles) == 128 * 128);                // keys come in blocks of 512: nothing is skipped
  CHECK(computed_pairs(causal_mask(1024), tiles) == 512 * 512 + 512 * 1024);  // the first two query blocks need one key block
}

TEST_CASE("ATen's attention is refused for bfloat16, for it rounds its results") {
  const AttentionCase c{"bfloat16", 1, 2, 2, 8, causal_mask(16), {}, 1.0};
  const AttentionData data = attention_data(c);
  CHECK_THROWS_WITH(run_kernel(AtenAttention(), c, data, oracle(c, data), at::kBFloat16), Catch::Matchers::Contains("bfloat16"));
}
