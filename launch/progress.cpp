// SPDX-License-Identifier: Apache-2.0
#include "launch/progress.hpp"

#include <fmt/format.h>

#include <cmath>

namespace ergon {

std::string compact_number(double value) {
  if (value >= 1e6) return fmt::format("{:.2f}M", value / 1e6);
  if (value >= 1e3) return fmt::format("{:.1f}k", value / 1e3);
  return fmt::format("{:.1f}", value);
}

std::string clock_time(Seconds seconds) {
  const auto total = static_cast<long long>(std::llround(seconds.value));
  return fmt::format("{:02}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
}

std::string progress_line(const StepProgress& progress) {
  const std::string utilisation = progress.mfu ? fmt::format("MFU {:.1f}%", 100 * *progress.mfu) : "peak unknown";
  return fmt::format("step {}/{}  loss {:.4f}  {} tok/s  {}  data {:.1f}%  ETA {}  {:.3g} pfs-days", progress.step, progress.steps,
                     progress.loss, compact_number(progress.tokens_per_second), utilisation, 100 * progress.data_wait,
                     clock_time(progress.remaining), progress.spent.value);
}

void ProgressPrinter::step(const StepProgress& progress) {
  const Clock::time_point now = Clock::now();
  if (now < next_ && progress.step != progress.steps) return;
  next_ = now + (line_.style() == StatusLine::Style::terminal ? std::chrono::milliseconds(200) : std::chrono::seconds(5));
  line_.show(progress_line(progress));
}

}  // namespace ergon
