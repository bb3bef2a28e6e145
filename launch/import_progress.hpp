// SPDX-License-Identifier: Apache-2.0
// The progress of `ergon data import` on stderr: every half second in a terminal, else every ten seconds; nothing before the first is over.
#pragma once

#include "configs/clock.hpp"
#include "launch/status_line.hpp"
#include "trainer/data/import.hpp"

namespace ergon {

// import: 12.3 of 45.6 MB, 7.89 MB/s, 4 s left
std::string import_line(const ImportProgress& progress, Seconds in_phase);

class ImportPrinter {
 public:
  ImportPrinter(std::FILE* out, StatusLine::Style style) : line_(out, style) {}

  void show(const ImportProgress& progress, Clock::time_point now = Clock::now());

 private:
  StatusLine line_;
  std::string phase_;
  Clock::time_point phase_start_ = {}, last_ = {};
};

}  // namespace ergon
