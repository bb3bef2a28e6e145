// SPDX-License-Identifier: Apache-2.0
// A curve as bars of text, a column a value.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "launch/runs/screen_text.hpp"

namespace ergon {

// The means of `columns` equal parts of the values in their order, of those that are finite; a part without one is NaN. Fewer values than
// columns stay as they are.
std::vector<double> column_means(std::span<const double> values, int columns);

// Of the finite ones; {0, 0} when there are none.
struct ValueRange {
  double low = 0, high = 0;
};
ValueRange range_of(std::span<const double> values);

// `rows` rows, the highest first, each of values.size() cells. The lowest value has a mark, the highest fills its column; equal values
// stand at half height; what is not finite is blank.
std::vector<std::string> text_chart(std::span<const double> values, int rows, Glyphs glyphs);

}  // namespace ergon
