// SPDX-License-Identifier: Apache-2.0
// The progress of a training run on stderr: one line that is rewritten in a terminal, else a plain line every few seconds.
#pragma once

#include <string>

#include "configs/clock.hpp"
#include "launch/status_line.hpp"
#include "trainer/monitor.hpp"

namespace ergon {

// step 120/400  loss 3.2145  12.3k tok/s  peak unknown  data 0.1%  ETA 00:03:12  1.23e-07 pfs-days
std::string progress_line(const StepProgress& progress);

std::string compact_number(double value);  // 1.23M, 12.3k, 7.0
std::string clock_time(Seconds seconds);   // 01:03:12

class ProgressPrinter : public RunMonitor {
 public:
  ProgressPrinter(std::FILE* out, StatusLine::Style style) : line_(out, style) {}

  void message(const std::string& line) override { line_.message(line); }
  void step(const StepProgress& progress) override;

 private:
  StatusLine line_;
  Clock::time_point next_ = {};
};

}  // namespace ergon
