// SPDX-License-Identifier: Apache-2.0
// Several things wrong with one configuration, gathered and then thrown as one Error: a person mends them all at once.
#pragma once

#include <string>
#include <vector>

#include "configs/error.hpp"

namespace ergon {

class Problems {
 public:
  // where: file:line:column, a key, or empty.
  void add(const std::string& what, const std::string& where, const std::string& hint) { list_.push_back({what, where, hint}); }
  bool empty() const { return list_.empty(); }
  std::size_t size() const { return list_.size(); }

  // Nothing when there is none; one problem as it is; several as a list under one heading, each with its place and hint.
  void throw_if_any(const std::string& heading, ExitCode code = ExitCode::config) const;

 private:
  struct Problem {
    std::string what, where, hint;
  };
  std::vector<Problem> list_;
};

}  // namespace ergon
