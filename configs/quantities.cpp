// SPDX-License-Identifier: Apache-2.0
#include "configs/quantities.hpp"

#include <algorithm>
#include <cmath>

#include "configs/decimal.hpp"
#include "configs/error.hpp"

namespace ergon {

PfsDays to_pfs_days(Flops flops) {
  if (flops.value == 0) return {0};
  constexpr unsigned __int128 day = flops_per_pfs_day.value;
  constexpr auto enough = static_cast<unsigned __int128>(1) << 54;  // two bits more than a double has
  unsigned __int128 quotient = flops.value / day, rest = flops.value % day;
  int exponent = 0;
  for (; quotient < enough; --exponent) {  // long division, a binary digit at a time
    rest *= 2;
    quotient = 2 * quotient + (rest >= day ? 1 : 0);
    if (rest >= day) rest -= day;
  }
  if (rest != 0) quotient |= 1;  // what is left breaks a tie, and is no more than that
  return {std::ldexp(static_cast<double>(static_cast<std::uint64_t>(quotient)), exponent)};
}

std::string to_decimal(Flops flops) {
  std::string text;
  unsigned __int128 rest = flops.value;
  do {
    text.push_back(static_cast<char>('0' + static_cast<int>(rest % 10)));
    rest /= 10;
  } while (rest != 0);
  std::reverse(text.begin(), text.end());
  return text;
}

Flops parse_decimal(const std::string& text) {
  if (std::optional<Decimal> number = read_decimal(text))
    if (std::optional<unsigned __int128> value = whole(*number)) return {*value};
  throw Error(fmt::format("'{}' is not a whole number below 2^128", text), "", "write for instance 174600000000 or 174.6e9");
}

}  // namespace ergon
