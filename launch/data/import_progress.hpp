// SPDX-License-Identifier: Apache-2.0
// The progress of `ergon data import` on stderr: every half second in a terminal, else every ten seconds; nothing before the first is over.
#pragma once

#include "configs/clock.hpp"
#include "launch/status_line.hpp"
#include "trainer/data/ingest.hpp"

namespace ergon {

// import [#####...............]: 12.3 of 45.6 MB, 7.89 MB/s, 1234 documents/s, 2.00 Mtokens/s, 4 s left
// Counts that are not known (the documents of a phase that has none, the length of standard input) are left out.
std::string import_line(const ImportProgress& progress, Seconds in_phase);

class ImportPrinter {
 public:
  ImportPrinter(std::FILE* out, StatusLine::Style style) : line_(out, style) {}

  void show(const ImportProgress& progress, Clock::time_point now = Clock::now());
  void message(const std::string& text) { line_.message(text); }

 private:
  StatusLine line_;
  std::string phase_;
  Clock::time_point phase_start_ = {}, last_ = {};
};

}  // namespace ergon
