// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/widen_ids.hpp"

#include <vector>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("ids of two bytes reach 65,535, of four a whole int32, at any address and length") {
  for (const std::size_t count : {0U, 1U, 15U, 16U, 17U, 100U}) {
    std::vector<std::uint16_t> two(count);
    std::vector<std::int32_t> four(count);
    for (std::size_t i = 0; i < count; ++i) {
      two[i] = static_cast<std::uint16_t>(65535 - 7 * i);
      four[i] = INT32_MAX - static_cast<std::int32_t>(i);
    }
    std::vector<std::byte> bytes(1 + 4 * count);
    const auto widened = [&](const auto& ids, std::int64_t width) {
      const auto stored = std::span(bytes).subspan(1, ids.size() * static_cast<std::size_t>(width));
      if (!ids.empty()) std::memcpy(stored.data(), ids.data(), stored.size());
      std::vector<std::int64_t> wide(count, -1);
      widen_ids(stored, width, wide.data());
      return wide;
    };
    CHECK(widened(two, 2) == std::vector<std::int64_t>(two.begin(), two.end()));
    CHECK(widened(four, 4) == std::vector<std::int64_t>(four.begin(), four.end()));
  }
}
