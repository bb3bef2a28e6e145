// SPDX-License-Identifier: Apache-2.0
#include "launch/import_progress.hpp"

#include <fmt/format.h>

namespace ergon {

std::string import_line(const ImportProgress& progress, Seconds in_phase) {
  const double done = static_cast<double>(progress.done.value), total = static_cast<double>(progress.total.value);
  const double rate = done / in_phase.value;
  return fmt::format("{}: {:.1f} of {:.1f} MB, {:.2f} MB/s, {:.0f} s left", progress.phase, done / 1e6, total / 1e6, rate / 1e6,
                     rate > 0 ? (total - done) / rate : 0);
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
