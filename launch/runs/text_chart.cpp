// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/text_chart.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ergon {
namespace {

// What fills a cell from below, from least to most.
std::span<const char* const> marks(Glyphs glyphs) {
  static constexpr const char* ascii[] = {".", ":", "|"};
  static constexpr const char* utf8[] = {"\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83", "\xe2\x96\x84",
                                         "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88"};
  if (glyphs == Glyphs::utf8) return utf8;
  return ascii;
}

}  // namespace

std::vector<double> column_means(std::span<const double> values, int columns) {
  const std::size_t parts = std::min(values.size(), static_cast<std::size_t>(std::max(columns, 0)));
  std::vector<double> means;
  for (std::size_t part = 0; part < parts; ++part) {
    double sum = 0, count = 0;
    for (std::size_t i = part * values.size() / parts; i < (part + 1) * values.size() / parts; ++i) {
      if (!std::isfinite(values[i])) continue;
      sum += values[i];
      ++count;
    }
    means.push_back(count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN());
  }
  return means;
}

ValueRange range_of(std::span<const double> values) {
  ValueRange range = {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    range.low = std::min(range.low, value);
    range.high = std::max(range.high, value);
  }
  return range.low <= range.high ? range : ValueRange{};
}

std::vector<std::string> text_chart(std::span<const double> values, int rows, Glyphs glyphs) {
  const auto mark = marks(glyphs);
  const int levels = static_cast<int>(mark.size()), highest = rows * levels;
  const ValueRange range = range_of(values);
  std::vector<std::string> chart(static_cast<std::size_t>(std::max(rows, 0)));
  for (const double value : values) {
    int level = 0;  // of the column, in marks
    if (std::isfinite(value)) {
      const double share = range.high > range.low ? (value - range.low) / (range.high - range.low) : 0.5;
      level = 1 + static_cast<int>(std::lround(share * (highest - 1)));
    }
    for (int row = 0; row < rows; ++row) {
      const int in_cell = std::clamp(level - (rows - 1 - row) * levels, 0, levels);
      chart[static_cast<std::size_t>(row)] += in_cell == 0 ? " " : mark[static_cast<std::size_t>(in_cell - 1)];
    }
  }
  return chart;
}

}  // namespace ergon
