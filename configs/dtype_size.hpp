// SPDX-License-Identifier: Apache-2.0
// Bytes of a number of train.dtype, and of the type in which such numbers are added up.
#pragma once

#include <cstdint>

#include "configs/run_config.hpp"

namespace ergon {

constexpr std::int64_t bytes_of(DType dtype) { return dtype == DType::float64 ? 8 : dtype == DType::float32 ? 4 : 2; }
constexpr std::int64_t accumulator_bytes_of(DType dtype) { return dtype == DType::float64 ? 8 : 4; }

}  // namespace ergon
