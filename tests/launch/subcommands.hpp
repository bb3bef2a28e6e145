// SPDX-License-Identifier: Apache-2.0
// Runs the real binary.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "launch/child_process.hpp"

namespace ergon::test {

inline std::string ergon(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), std::getenv("ERGON_BINARY"));
  return output_of(arguments);
}

}  // namespace ergon::test
