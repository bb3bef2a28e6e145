// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/bfloat16.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("rounding to bfloat16 is to nearest even and keeps what is not finite") {
  const float infinity = std::numeric_limits<float>::infinity();
  // 1 + 2^-8 lies halfway between 1 and 1 + 2^-7; 1 + 3 * 2^-8 halfway between 1 + 2^-7 and 1 + 2^-6.
  const std::vector<float> in = {1.0f, 1.00390625f, 1.01171875f, 1.0040f, -1.00390625f, 0.0f, -0.0f, infinity, -infinity, 3.4e38f, 1e-40f};
  std::vector<c10::BFloat16> out(in.size());
  round_rows(out.data(), 1, in.data(), 1, static_cast<std::int64_t>(in.size()), 1);
  const std::vector<std::uint16_t> bits = {0x3F80, 0x3F80, 0x3F82, 0x3F81, 0xBF80, 0x0000, 0x8000, 0x7F80, 0xFF80, 0x7F80, 0x0001};
  for (std::size_t i = 0; i < in.size(); ++i) CHECK(out[i].x == bits[i]);

  const float nan[2] = {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::signaling_NaN()};
  c10::BFloat16 kept[2];
  round_rows(kept, 2, nan, 2, 1, 2);
  CHECK(std::isnan(static_cast<float>(kept[0])));
  CHECK(std::isnan(static_cast<float>(kept[1])));
}

TEST_CASE("every bfloat16 survives widening and rounding, in strided rows") {
  constexpr std::int64_t rows = 256, columns = 256, in_stride = 260, wide_stride = 300;
  std::vector<c10::BFloat16> in(rows * in_stride), back(rows * columns);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c) in[r * in_stride + c].x = static_cast<std::uint16_t>(r * columns + c);
  std::vector<float> wide(rows * wide_stride, 7.0f);
  widen_rows(wide.data(), wide_stride, in.data(), in_stride, rows, columns);
  round_rows(back.data(), columns, wide.data(), wide_stride, rows, columns);
  std::int64_t different = 0, beside = 0;
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      const c10::BFloat16 before = in[r * in_stride + c], after = back[r * columns + c];
      const bool is_nan = (before.x & 0x7FFF) > 0x7F80;
      different += is_nan ? !std::isnan(static_cast<float>(after)) : before.x != after.x;
    }
    for (std::int64_t c = columns; c < wide_stride; ++c) beside += wide[r * wide_stride + c] != 7.0f;
  }
  CHECK(different == 0);
  CHECK(beside == 0);
}
