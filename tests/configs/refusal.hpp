// SPDX-License-Identifier: Apache-2.0
// Helpers of the tests of configs/: the whole text of a refusal, and parsing of short run files.
#pragma once

#include <string>
#include <vector>

#include "configs/error.hpp"
#include "configs/parse.hpp"

namespace ergon::test {

// The text of the Error that f throws, with its exit code in front when that is not `config`; "not refused" when it throws none.
template <typename F>
std::string refusal(F f) {
  try {
    f();
  } catch (const Error& error) {
    std::string code = error.code() == ExitCode::config ? "" : fmt::format("({}) ", static_cast<int>(error.code()));
    return code + error.what();
  }
  return "not refused";
}

inline RunConfig parsed(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return parse_run_text(text, "run.toml", overrides, Purpose::describe);
}

inline RunConfig overridden(const std::vector<std::string>& overrides) { return parsed("", overrides); }

inline std::string refused(const std::vector<std::string>& overrides) {
  return refusal([&] { overridden(overrides); });
}

}  // namespace ergon::test
