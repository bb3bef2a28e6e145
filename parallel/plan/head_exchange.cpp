// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/head_exchange.hpp"

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {

HeadRange exchanged_heads(std::int64_t heads, std::int64_t kv_heads, int ranks, int rank) {
  ERGON_CHECK(kv_heads > 0 && heads % kv_heads == 0, "{} heads over {} key/value heads", heads, kv_heads);
  ERGON_CHECK(ranks >= 1 && rank >= 0 && rank < ranks && ranks <= heads, "rank {} of {} for {} heads", rank, ranks, heads);
  const std::int64_t group = heads / kv_heads, end = (rank + 1) * heads / ranks;
  HeadRange range;
  range.first_query = rank * heads / ranks;
  range.num_query = end - range.first_query;
  range.first_kv = range.first_query / group;
  range.num_kv = (end - 1) / group + 1 - range.first_kv;
  return range;
}

std::vector<HeadRange> regular_heads(const HeadRange& range, std::int64_t heads_per_kv) {
  std::vector<HeadRange> parts;
  for (std::int64_t kv = 0; kv < range.num_kv; ++kv) {
    const std::int64_t first = (range.first_kv + kv) * heads_per_kv, begin = std::max(first, range.first_query) - range.first_query,
                       end = std::min(first + heads_per_kv, range.first_query + range.num_query) - range.first_query;
    const bool continues = !parts.empty() && parts.back().num_query == (end - begin) * parts.back().num_kv;
    if (continues) {
      parts.back().num_query += end - begin;
      ++parts.back().num_kv;
    } else {
      parts.push_back({begin, end - begin, kv, 1});
    }
  }
  return parts;
}

}  // namespace ergon
