// SPDX-License-Identifier: Apache-2.0
// Runs a program without a shell and returns what it printed on stdout; its stderr is ours.
#pragma once

#include <string>
#include <vector>

namespace ergon {

// Throws Error when the program cannot be started or does not exit with 0.
std::string output_of(const std::vector<std::string>& arguments);

}  // namespace ergon
