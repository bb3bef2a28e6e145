// SPDX-License-Identifier: Apache-2.0
// Decimal numbers read exactly, without a double in between: "174.6e9" is 1746 x 10^8.
#pragma once

#include <optional>
#include <string_view>

namespace ergon {

struct Decimal {
  unsigned __int128 digits = 0;  // no trailing zeros, unless the number is 0
  int exponent = 0;              // of ten
};

// Digits with at most one point and an optional exponent; no sign, no spaces. Nothing when it is not one, or has more digits than 128 bits
// hold.
std::optional<Decimal> read_decimal(std::string_view text);

// number x factor x 10^power when that is a whole number below 2^128.
std::optional<unsigned __int128> whole(Decimal number, unsigned __int128 factor = 1, int power = 0);

}  // namespace ergon
