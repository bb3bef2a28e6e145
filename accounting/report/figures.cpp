// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/figures.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace ergon {

std::string grouped(std::int64_t count) {
  const std::string digits = fmt::format("{}", count);
  std::string text;
  for (std::size_t at = 0; at < digits.size(); ++at) {
    const bool after_digit = at > 0 && digits[at - 1] != '-';
    if (after_digit && (digits.size() - at) % 3 == 0) text += ',';
    text += digits[at];
  }
  return text;
}

std::string rounded_flops(Flops flops) {
  if (flops.value < 1'000'000) return to_decimal(flops);
  return fmt::format("{:.4g}", to_double(flops));
}

std::string rounded_pfs_days(PfsDays days) { return fmt::format("{:.6g}", days.value); }

std::string rounded_bytes(Bytes bytes) {
  constexpr std::array units = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes.value < 1024) return fmt::format("{} B", bytes.value);
  double value = static_cast<double>(bytes.value) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, units[unit]);
}

std::string clock(Seconds seconds) {
  if (seconds.value < 60) return fmt::format("{:.1f} s", seconds.value);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds.value));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string percent(double fraction) { return fmt::format("{:.1f} %", 100 * fraction); }

}  // namespace ergon
