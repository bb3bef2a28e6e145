// SPDX-License-Identifier: Apache-2.0
#include "configs/problems.hpp"

namespace ergon {

void Problems::throw_if_any(const std::string& heading, ExitCode code) const {
  if (list_.empty()) return;
  if (list_.size() == 1) throw Error(list_[0].what, list_[0].where, list_[0].hint, code);
  std::string text = fmt::format("{} errors", list_.size());
  for (const Problem& problem : list_)
    text += fmt::format("\n  {}", Error(problem.what, problem.where, "").what()) +
            (problem.hint.empty() ? "" : fmt::format("\n    hint: {}", problem.hint));
  throw Error(text, heading, "", code);
}

}  // namespace ergon
