// SPDX-License-Identifier: Apache-2.0
#include "configs/decimal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("decimals are read exactly and normalised") {
  for (const char* text : {"1746e8", "174.6e9", "174600000000", "0174.600e9", "1.746E+11", "1746000e5"}) {
    INFO(text);
    std::optional<Decimal> number = read_decimal(text);
    REQUIRE(number);
    CHECK(number->digits == 1746);
    CHECK(number->exponent == 8);
  }
  CHECK(read_decimal("0.000")->digits == 0);
  CHECK(read_decimal("0.000")->exponent == 0);
  CHECK(read_decimal(".5")->exponent == -1);
  for (const char* text : {"", ".", "e5", "1e", "1e+", "1.2.3", "-1", "+1", "1 ", "0x10", "inf", "nan", "1_000", "1e5.5"}) {
    INFO(text);
    CHECK_FALSE(read_decimal(text));
  }
  CHECK_FALSE(read_decimal(std::string(60, '7')));
}

TEST_CASE("whole numbers below 2^128 and nothing else") {
  CHECK(whole(*read_decimal("1.5"), 1024) == static_cast<unsigned __int128>(1536));
  CHECK(whole(*read_decimal("10"), 864, 17) == static_cast<unsigned __int128>(864) * 1000000000000000000u);
  CHECK_FALSE(whole(*read_decimal("1.5")));
  CHECK(whole(*read_decimal("340282366920938463463374607431768211455")) == ~static_cast<unsigned __int128>(0));
  CHECK_FALSE(whole(*read_decimal("3.5e38")));
  CHECK_FALSE(whole(*read_decimal("1e99999")));
  CHECK_FALSE(whole(*read_decimal("1e-99999")));
  CHECK(whole(*read_decimal("0e99999")) == static_cast<unsigned __int128>(0));
}
