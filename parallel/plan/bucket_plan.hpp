// SPDX-License-Identifier: Apache-2.0
// Which units of a flat buffer travel together: buckets, cut at unit boundaries in reverse order of the layers, so that backward fills one
// after another.
#pragma once

#include <cstdint>
#include <vector>

#include "configs/quantities.hpp"
#include "parallel/plan/shard_box.hpp"

namespace ergon {

struct Bucket {
  ElementRange range;
  int first_unit, last_unit;  // inclusive
  bool operator==(const Bucket&) const = default;
};

// Cuts the units (ranges of the flat buffer in layer order) into buckets of at least `bucket` bytes, walking from the last unit to the
// first; units of different groups (by unit; empty: all are of one) never share a bucket. Example: units of 4, 3, 3, 6 MiB and bucket 5 MiB
// give {unit 3}, {units 2, 1}, {unit 0}; with groups {0, 0, 1, 1} {unit 3}, {unit 2}, {units 1, 0}.
std::vector<Bucket> plan_buckets(const std::vector<ElementRange>& units, Bytes bucket, std::int64_t element_size,
                                 const std::vector<int>& groups = {});

}  // namespace ergon
