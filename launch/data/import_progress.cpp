// SPDX-License-Identifier: Apache-2.0
#include "launch/data/import_progress.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ergon {

constexpr std::size_t bar_width = 20;

std::string import_line(const ImportProgress& progress, Seconds in_phase) {
  const double done = static_cast<double>(progress.done.value), total = static_cast<double>(progress.total.value);
  const double rate = done / in_phase.value;
  std::string line = progress.phase;
  if (total > 0) {
    const auto filled = static_cast<std::size_t>(std::clamp(done / total, 0.0, 1.0) * bar_width);
    line += fmt::format(" [{}{}]", std::string(filled, '#'), std::string(bar_width - filled, '.'));
  }
  line += fmt::format(": {:.1f}", done / 1e6);
  if (total > 0) line += fmt::format(" of {:.1f}", total / 1e6);
  line += fmt::format(" MB, {:.2f} MB/s", rate / 1e6);
  if (progress.documents > 0)
    line += fmt::format(", {:.0f} documents/s, {:.2f} Mtokens/s", static_cast<double>(progress.documents) / in_phase.value,
                        static_cast<double>(progress.tokens) / in_phase.value / 1e6);
  if (total > 0) line += fmt::format(", {:.0f} s left", rate > 0 ? (total - done) / rate : 0);
  return line;
}

void ImportPrinter::show(const ImportProgress& progress, Clock::time_point now) {
  if (progress.phase != phase_) {
    phase_ = progress.phase;
    phase_start_ = last_ = now;
  }
  const bool terminal = line_.style() == StatusLine::Style::terminal;
  if (now - last_ < (terminal ? std::chrono::milliseconds(500) : std::chrono::seconds(10))) return;
  last_ = now;
  line_.show(import_line(progress, since(phase_start_, now)));
}

}  // namespace ergon
