// SPDX-License-Identifier: Apache-2.0
// Rows of bfloat16 to and from float: widening is exact, rounding is to nearest even (NaN stays NaN). Row strides in elements, 0 or more
// rows, rows not overlapping.
#pragma once

#include <c10/util/BFloat16.h>

#include <cstdint>

namespace ergon {

void widen_rows(float* out, std::int64_t out_stride, const c10::BFloat16* in, std::int64_t in_stride, std::int64_t rows,
                std::int64_t columns);
void round_rows(c10::BFloat16* out, std::int64_t out_stride, const float* in, std::int64_t in_stride, std::int64_t rows,
                std::int64_t columns);

}  // namespace ergon
