// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/head_partition.hpp"

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr std::int64_t vocabulary_multiple = 128;

void check_rank(int tp, int tp_rank) { ERGON_CHECK(tp >= 1 && tp_rank >= 0 && tp_rank < tp, "tensor rank {} of {}", tp_rank, tp); }

}  // namespace

HeadPartition partition_heads(std::int64_t heads, std::int64_t kv_heads, int tp, int tp_rank) {
  check_rank(tp, tp_rank);
  ERGON_CHECK(heads > 0 && kv_heads > 0 && heads % kv_heads == 0, "{} heads over {} key/value heads", heads, kv_heads);
  if (heads % tp != 0)
    throw Error(fmt::format("{} attention heads cannot be cut into {} equal parts", heads, tp), "mesh.tp",
                fmt::format("set mesh.tp to a divisor of model.heads = {}", heads));
  if (kv_heads % tp != 0 && tp % kv_heads != 0)
    throw Error(
        fmt::format("{} key/value heads can be neither cut into {} equal parts nor held by equal groups of {} ranks", kv_heads, tp, tp),
        "mesh.tp", fmt::format("set mesh.tp to a divisor or a multiple of model.kv_heads = {}", kv_heads));
  HeadPartition part;
  part.num_query = heads / tp;
  part.first_query = tp_rank * part.num_query;
  part.kv_replicas = std::max<std::int64_t>(1, tp / kv_heads);
  part.num_kv = std::max<std::int64_t>(1, kv_heads / tp);
  part.first_kv = tp_rank / part.kv_replicas * part.num_kv;
  return part;
}

ColumnPartition partition_columns(std::int64_t columns, int tp, int tp_rank, const char* key) {
  check_rank(tp, tp_rank);
  if (columns % tp != 0)
    throw Error(fmt::format("{} columns cannot be cut into mesh.tp = {} equal parts", columns, tp), key,
                fmt::format("set {} to a multiple of {}, or mesh.tp to a divisor of {}", key, tp, columns));
  return {tp_rank * (columns / tp), columns / tp};
}

VocabularyPartition partition_vocabulary(std::int64_t vocabulary, int tp, int tp_rank) {
  check_rank(tp, tp_rank);
  ERGON_CHECK(vocabulary > 0, "a vocabulary of {}", vocabulary);
  const std::int64_t multiple = vocabulary_multiple * tp;
  VocabularyPartition part;
  part.padded = (vocabulary + multiple - 1) / multiple * multiple;
  part.rows = part.padded / tp;
  part.first = tp_rank * part.rows;
  part.real = std::clamp<std::int64_t>(vocabulary - part.first, 0, part.rows);
  return part;
}

}  // namespace ergon
