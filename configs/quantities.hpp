// SPDX-License-Identifier: Apache-2.0
// Quantities that carry their unit in their type, so that tokens cannot be added to bytes. `Flops` is an exact unsigned 128-bit integer:
// 1e25 operations do not fit 64 bits. Parsing and printing with units: configs/units.hpp.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace ergon {

// A value of one unit; only like may be added to like, and a count may scale it.
template <typename Tag, typename Value>
struct Quantity {
  Value value{};

  constexpr auto operator<=>(const Quantity&) const = default;
  constexpr Quantity& operator+=(Quantity other) {
    value += other.value;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity other) {
    value -= other.value;
    return *this;
  }
  friend constexpr Quantity operator+(Quantity a, Quantity b) { return {static_cast<Value>(a.value + b.value)}; }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return {static_cast<Value>(a.value - b.value)}; }
  friend constexpr Quantity operator*(Quantity a, Value factor) { return {static_cast<Value>(a.value * factor)}; }
  friend constexpr Quantity operator*(Value factor, Quantity a) { return a * factor; }
};

using Tokens = Quantity<struct TokensTag, std::int64_t>;
using Bytes = Quantity<struct BytesTag, std::int64_t>;
using Seconds = Quantity<struct SecondsTag, double>;
using Joules = Quantity<struct JoulesTag, double>;
using PfsDays = Quantity<struct PfsDaysTag, double>;
using Flops = Quantity<struct FlopsTag, unsigned __int128>;
using FlopsPerSecond = Quantity<struct FlopsPerSecondTag, double>;

// One petaflop/s-day: 1e15 operations a second for a day.
inline constexpr Flops flops_per_pfs_day = Flops{1'000'000'000'000'000} * 86'400;

constexpr double to_double(Flops flops) { return static_cast<double>(flops.value); }
// The double nearest to the quotient of the two integers: rounding the FLOPs first would print 3637.4999999999995 for 3637.5.
PfsDays to_pfs_days(Flops flops);

// All digits; JSON carries FLOPs in this form because numbers above 2^53 lose digits there.
std::string to_decimal(Flops flops);

// The inverse, also for "174.6e9" and "1e27" (exact, no double in between). Throws Error for anything that is not a whole number below
// 2^128.
Flops parse_decimal(const std::string& text);

}  // namespace ergon
