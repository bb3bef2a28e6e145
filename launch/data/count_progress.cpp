// SPDX-License-Identifier: Apache-2.0
#include "launch/data/count_progress.hpp"

#include <fmt/format.h>

namespace ergon {

std::string count_line(const std::string& what, std::int64_t done, std::int64_t total, Seconds spent) {
  const double rate = static_cast<double>(done) / spent.value;
  return fmt::format("{}: {:.1f} of {:.1f} million tokens, {:.2f} million/s, {:.0f} s left", what, static_cast<double>(done) / 1e6,
                     static_cast<double>(total) / 1e6, rate / 1e6, rate > 0 ? static_cast<double>(total - done) / rate : 0);
}

void CountPrinter::show(std::int64_t done, std::int64_t total, Clock::time_point now) {
  const bool terminal = line_.style() == StatusLine::Style::terminal;
  if (now - last_ < (terminal ? std::chrono::milliseconds(500) : std::chrono::seconds(10))) return;
  last_ = now;
  line_.show(count_line(what_, done, total, since(start_, now)));
}

}  // namespace ergon
