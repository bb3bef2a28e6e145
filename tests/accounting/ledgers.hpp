// SPDX-License-Identifier: Apache-2.0
// Ledgers for tests: a step costs a fixed number of everything, so that sums can be checked by multiplication.
#pragma once

#include <string>

#include "accounting/ledger.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ergon::test {

inline AttemptStart attempt_start(std::int64_t attempt, std::int64_t parent = 0, std::int64_t resumed_step = 0) {
  AttemptStart start;
  start.attempt = attempt;
  start.parent = parent;
  start.resumed_step = resumed_step;
  start.mesh = "dp=2 tp=2";
  start.world_size = 4;
  start.device = "cpu";
  start.devices = 4;
  start.peak_source = "accounting.peak is empty";
  start.parameters = {1000, 300, 700, 600, 100, 200};
  return start;
}

// Each step: 64 tokens, 60 valid; 6n 10^22 FLOPs, exact 7; gemm 8, attention 3; 0.5 s and 0.25 s of waiting.
inline Interval interval(std::int64_t attempt, std::int64_t from, std::int64_t to) {
  const std::int64_t steps = to - from;
  const auto times = [&](const char* flops) { return parse_decimal(flops) * static_cast<unsigned __int128>(steps); };
  Interval line;
  line.attempt = attempt;
  line.from_step = from;
  line.to_step = to;
  line.tokens = {64 * steps};
  line.valid_tokens = {60 * steps};
  line.training = {{{"6n", times("1e22")}, {"exact", times("7")}}, times("8"), times("3")};
  line.evaluation = {{{"6n", times("2")}, {"exact", times("1")}}, times("1"), times("1")};
  line.seconds = {{0.5 * static_cast<double>(steps)}, {0.25 * static_cast<double>(steps)}, {0.125}, {0}, {0}};
  line.communication = {{"tp", "all_reduce", 2 * steps, {1024 * steps}, {0.0625}, {0.03125}}};
  line.predicted = {{"tp", "all_reduce", 2 * steps, {1024 * steps}}};
  return line;
}

inline std::string text_of(const std::vector<LedgerLine>& lines) {
  std::string text;
  for (const LedgerLine& line : lines) text += format(line);
  return text;
}

// The folder of a run, with what a test writes into it.
class WrittenRun {
 public:
  WrittenRun& write(const std::string& file, const std::string& text) {
    write_file(folder_ / file, text);
    return *this;
  }
  std::string path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

}  // namespace ergon::test
