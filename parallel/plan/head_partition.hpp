// SPDX-License-Identifier: Apache-2.0
// Which attention heads, feed-forward columns and vocabulary rows a tensor rank owns.
//
// Example: H = 8 query heads, K = 2 key/value heads on tp = 4: each rank owns 2 query heads; ranks 0 and 1 both hold key head 0, ranks 2
// and 3 key head 1 (kv_replicas = 2: their gradients of that head are summed). V = 257 on tp = 2 is padded to 512 rows (a multiple of 128 x
// tp), 256 a rank; rank 1 holds one real row.
#pragma once

#include <cstdint>

namespace ergon {

struct HeadPartition {
  std::int64_t first_query = 0, num_query = 0;  // query heads of this rank
  std::int64_t first_kv = 0, num_kv = 0;        // key/value heads that these use
  std::int64_t kv_replicas = 1;                 // adjacent tensor ranks that hold the same key/value heads
};
// Throws Error (key mesh.tp) unless tp divides heads and either tp divides kv_heads or kv_heads divides tp.
HeadPartition partition_heads(std::int64_t heads, std::int64_t kv_heads, int tp, int tp_rank);

struct ColumnPartition {
  std::int64_t first = 0, count = 0;
};
// Throws Error (key `key`) unless tp divides columns.
ColumnPartition partition_columns(std::int64_t columns, int tp, int tp_rank, const char* key);

struct VocabularyPartition {
  std::int64_t padded = 0;  // rows over all ranks, a multiple of 128 x tp
  std::int64_t first = 0;   // first row of this rank
  std::int64_t rows = 0;    // rows of this rank, padding included
  std::int64_t real = 0;    // rows of this rank that are tokens; the padding follows them
};
VocabularyPartition partition_vocabulary(std::int64_t vocabulary, int tp, int tp_rank);

}  // namespace ergon
