// SPDX-License-Identifier: Apache-2.0
#include "configs/decimal.hpp"

namespace ergon {
namespace {

using u128 = unsigned __int128;
constexpr u128 largest = ~u128{0};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool multiply(u128& value, u128 factor) {
  if (factor != 0 && value > largest / factor) return false;
  value *= factor;
  return true;
}

// The exponent after 'e'; anything beyond +-9999 is as good as that.
std::optional<int> read_exponent(std::string_view text) {
  bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  int value = 0;
  for (char c : text) {
    if (!is_digit(c)) return std::nullopt;
    if (value < 1000) value = value * 10 + (c - '0');
  }
  return negative ? -value : value;
}

}  // namespace

std::optional<Decimal> read_decimal(std::string_view text) {
  Decimal number;
  std::size_t pending_zeros = 0, digits = 0;
  bool point = false;
  std::size_t i = 0;
  for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
    if (text[i] == '.' && !point) {
      point = true;
      continue;
    }
    if (!is_digit(text[i])) return std::nullopt;
    ++digits;
    if (point) --number.exponent;
    // Zeros are held back until a digit follows: trailing ones only move the exponent.
    if (text[i] == '0') {
      if (number.digits != 0) ++pending_zeros;
      continue;
    }
    for (++pending_zeros; pending_zeros > 0; --pending_zeros)
      if (!multiply(number.digits, 10)) return std::nullopt;
    u128 digit = static_cast<u128>(text[i] - '0');
    if (number.digits > largest - digit) return std::nullopt;
    number.digits += digit;
  }
  if (digits == 0) return std::nullopt;
  if (i < text.size()) {
    std::optional<int> exponent = read_exponent(text.substr(i + 1));
    if (!exponent) return std::nullopt;
    number.exponent += *exponent;
  }
  number.exponent = number.digits == 0 ? 0 : number.exponent + static_cast<int>(pending_zeros);
  return number;
}

std::optional<unsigned __int128> whole(Decimal number, unsigned __int128 factor, int power) {
  u128 value = number.digits;
  if (!multiply(value, factor)) return std::nullopt;
  if (value == 0) return value;
  int exponent = number.exponent + power;
  for (; exponent > 0; --exponent)
    if (!multiply(value, 10)) return std::nullopt;
  for (; exponent < 0; ++exponent) {
    if (value % 10 != 0) return std::nullopt;
    value /= 10;
  }
  return value;
}

}  // namespace ergon
