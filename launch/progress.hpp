// SPDX-License-Identifier: Apache-2.0
// The progress of a training run on stderr: one line that is rewritten in a terminal, else a plain line every few seconds.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>

#include "trainer/monitor.hpp"

namespace ergon {

// step 120/400  loss 3.2145  12.3k tok/s  peak unknown  data 0.1%  ETA 00:03:12  1.23e-07 pfs-days
std::string progress_line(const StepProgress& progress);

class ProgressPrinter : public RunMonitor {
 public:
  enum class Style { terminal, plain };
  explicit ProgressPrinter(std::FILE* out, Style style) : out_(out), style_(style) {}
  ~ProgressPrinter() override;

  void message(const std::string& line) override;
  void step(const StepProgress& progress) override;

 private:
  void clear_line();

  std::FILE* out_;
  Style style_;
  bool line_open_ = false;
  std::chrono::steady_clock::time_point next_ = {};
};

// Terminal style when `out` is one.
ProgressPrinter::Style style_of(std::FILE* out);

}  // namespace ergon
