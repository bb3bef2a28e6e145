// SPDX-License-Identifier: Apache-2.0
// What can go wrong, in two kinds. `Error`: a user, a file or a machine caused it; it says what, where, and what to do, and it carries the
// exit code of the process. `ERGON_CHECK`: only a bug in Ergon can cause it; it throws `Bug`, which nobody catches but main (exit 70).
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace ergon {

// The exit codes of every Ergon process, equal on all ranks; the table with its reasons is in launch/README.md.
enum class ExitCode : int {
  ok = 0,         // target reached
  config = 2,     // usage or configuration
  data = 3,       // data or checkpoint unusable
  world = 4,      // ranks, mesh or devices do not match
  stuck = 5,      // a collective or a read did not finish
  internal = 70,  // a bug in Ergon
  saved = 85,     // saved, run me again
  stopped = 86,   // stopped on request, do not requeue
  budget = 87,    // budget reached, saved, do not requeue
};

class Error : public std::runtime_error {
 public:
  // what: one sentence without a full stop; where: a key, a file:line:column, a rank, may be empty; hint: the way out, may be empty.
  Error(std::string what, std::string where, std::string hint, ExitCode code = ExitCode::config);

  const std::string& problem() const { return problem_; }
  const std::string& where() const { return where_; }
  const std::string& hint() const { return hint_; }
  ExitCode code() const { return code_; }

 private:
  std::string problem_, where_, hint_;
  ExitCode code_;
};

class Bug : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] void throw_bug(const char* file, int line, const char* condition, const std::string& message);

}  // namespace ergon

// ERGON_CHECK(condition, "format {}", argument...): throws Bug when the condition does not hold.
#define ERGON_CHECK(condition, ...)                                                   \
  do {                                                                                \
    if (!(condition)) [[unlikely]]                                                    \
      ::ergon::throw_bug(__FILE__, __LINE__, #condition, ::fmt::format(__VA_ARGS__)); \
  } while (false)
