// SPDX-License-Identifier: Apache-2.0
#include "configs/quantities.hpp"

#include <algorithm>

#include "configs/decimal.hpp"
#include "configs/error.hpp"

namespace ergon {

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
