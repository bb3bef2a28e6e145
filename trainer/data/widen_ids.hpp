// SPDX-License-Identifier: Apache-2.0
// Ids of 2 or 4 bytes as wider integers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "trainer/kernels/vectorised.hpp"

namespace ergon {

// Stored is uint16 or int32. Pointers by value: what a loop reaches through a reference is loaded again for every id.
template <typename Stored, typename To>
void convert_ids(const std::byte* ids, std::int64_t count, To* to) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    Stored id;
    std::memcpy(&id, ids + i * static_cast<std::int64_t>(sizeof(Stored)), sizeof(Stored));
    to[i] = id;
  }
}

// All of `ids`, `width` bytes each, to as many integers.
template <typename To>
void widen_ids(std::span<const std::byte> ids, std::int64_t width, To* to) {
  const std::int64_t count = std::ssize(ids) / width;
  vectorised([&] {
    if (width == 2)
      convert_ids<std::uint16_t>(ids.data(), count, to);
    else
      convert_ids<std::int32_t>(ids.data(), count, to);
  });
}

}  // namespace ergon
