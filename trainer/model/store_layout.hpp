// SPDX-License-Identifier: Apache-2.0
// Where each parameter lies in the flat buffer of a rank. Elements, not bytes.
//
// Example: float, one owner: embedding [3, 2] in unit 0; q [2, 2] and k [1, 2], a pack, in unit 1: embedding [0, 6), q [16, 20), k
// [20, 22); units [0, 16) and [16, 32). With 2 owners each unit is padded to 32, so that both own whole cache lines of it.
#pragma once

#include <c10/core/ScalarType.h>

#include <vector>

#include "trainer/model/parameter.hpp"

namespace ergon {

struct StoreLayout {
  std::vector<ElementRange> parameters;  // by id
  std::vector<ElementRange> units;       // contiguous, in order; their length divides into `owners` equal parts of whole cache lines
  std::int64_t elements() const { return units.back().end; }
};

// `packs`: runs of consecutive ids that follow each other without a gap; everything else starts 64-byte aligned in `dtype`.
StoreLayout lay_out(const std::vector<ParameterSpec>& specs, const std::vector<std::vector<ParameterId>>& packs, at::ScalarType dtype,
                    int num_units, int owners);

}  // namespace ergon
