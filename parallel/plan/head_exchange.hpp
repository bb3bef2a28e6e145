// SPDX-License-Identifier: Apache-2.0
// Which heads a rank computes after ranks have exchanged heads for positions (Ulysses): rank j of P takes query heads
// [floor(jH/P), floor((j+1)H/P)) and exactly the key/value heads that these use, so neither H nor K need divide.
//
// Example: H = 8, K = 2 on 3 ranks: query heads 0 1 | 2 3 4 | 5 6 7, key heads 0 | 0 1 | 1. Both key heads are held twice. The middle
// rank's heads fall into two groups that a kernel takes: two query heads on one key head, then one on the other.
#pragma once

#include <cstdint>
#include <vector>

namespace ergon {

struct HeadRange {
  std::int64_t first_query = 0, num_query = 0, first_kv = 0, num_kv = 0;
  bool operator==(const HeadRange&) const = default;
};

// Requires ranks <= heads: every rank has a head.
HeadRange exchanged_heads(std::int64_t heads, std::int64_t kv_heads, int ranks, int rank);

// A range cut where the number of query heads a key head changes, counted from the range's own first heads: in each part every key head
// serves equally many query heads. One part where the range is regular.
std::vector<HeadRange> regular_heads(const HeadRange& range, std::int64_t heads_per_kv);

}  // namespace ergon
