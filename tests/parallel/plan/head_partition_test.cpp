// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/head_partition.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("head_partition: the header's example") {
  const std::int64_t expected_kv[4] = {0, 0, 1, 1};
  for (int rank = 0; rank < 4; ++rank) {
    const HeadPartition part = partition_heads(8, 2, 4, rank);
    CHECK(part.first_query == 2 * rank);
    CHECK(part.num_query == 2);
    CHECK(part.first_kv == expected_kv[rank]);
    CHECK(part.num_kv == 1);
    CHECK(part.kv_replicas == 2);
  }
  const VocabularyPartition v = partition_vocabulary(257, 2, 1);
  CHECK(v.padded == 512);
  CHECK(v.first == 256);
  CHECK(v.rows == 256);
  CHECK(v.real == 1);
}

TEST_CASE("head_partition: every query head finds its key head on its rank") {
  for (std::int64_t heads : {1, 2, 4, 6, 8, 12, 32})
    for (std::int64_t kv = 1; kv <= heads; ++kv)
      for (int tp = 1; tp <= 16; ++tp) {
        if (heads % kv != 0 || heads % tp != 0 || (kv % tp != 0 && tp % kv != 0)) continue;
        std::int64_t queries = 0, held = 0;
        for (int rank = 0; rank < tp; ++rank) {
          const HeadPartition part = partition_heads(heads, kv, tp, rank);
          CHECK(part.first_query == queries);
          queries += part.num_query;
          held += part.num_kv;
          for (std::int64_t h = part.first_query; h < part.first_query + part.num_query; ++h) {
            const std::int64_t key = h / (heads / kv);
            CHECK(key >= part.first_kv);
            CHECK(key < part.first_kv + part.num_kv);
            CHECK(part.num_query % part.num_kv == 0);
          }
        }
        CHECK(queries == heads);
        CHECK(held == kv * partition_heads(heads, kv, tp, 0).kv_replicas);
      }
}

TEST_CASE("head_partition: vocabularies that do not divide") {
  for (std::int64_t vocabulary : {1, 127, 128, 257, 50257})
    for (int tp : {1, 2, 3, 4, 8}) {
      std::int64_t real = 0;
      for (int rank = 0; rank < tp; ++rank) {
        const VocabularyPartition part = partition_vocabulary(vocabulary, tp, rank);
        CHECK(part.padded % (128 * tp) == 0);
        CHECK(part.padded - vocabulary < 128 * tp);
        CHECK(part.first == rank * part.rows);
        for (std::int64_t row = 0; row < part.rows; row += 64) CHECK((row < part.real) == (part.first + row < vocabulary));
        real += part.real;
      }
      CHECK(real == vocabulary);
    }
}

TEST_CASE("head_partition: what it refuses names the key and a way out") {
  try {
    partition_heads(6, 6, 4, 0);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.where() == "mesh.tp");
    CHECK(error.problem() == "6 attention heads cannot be cut into 4 equal parts");
    CHECK(error.hint() == "set mesh.tp to a divisor of model.heads = 6");
  }
  try {
    partition_heads(12, 3, 2, 0);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.where() == "mesh.tp");
    CHECK(error.hint() == "set mesh.tp to a divisor or a multiple of model.kv_heads = 3");
  }
  try {
    partition_columns(10, 4, 0, "model.ffn_width");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.where() == "model.ffn_width");
    CHECK(error.hint() == "set model.ffn_width to a multiple of 4, or mesh.tp to a divisor of 10");
  }
  CHECK(partition_columns(12, 4, 3, "model.ffn_width").first == 9);
  CHECK_THROWS_AS(partition_columns(12, 4, 4, "model.ffn_width"), Bug);
}

}  // namespace ergon
