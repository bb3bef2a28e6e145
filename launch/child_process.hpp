// SPDX-License-Identifier: Apache-2.0
// Runs a program without a shell and returns what it printed on stdout; its stderr is ours.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "configs/quantities.hpp"

namespace ergon {

// Throws Error when the program cannot be started or does not exit with 0.
std::string output_of(const std::vector<std::string>& arguments);

// The same within a time limit; empty when it cannot be started, fails, or runs past the limit (it is killed then).
std::optional<std::string> output_within(Seconds limit, const std::vector<std::string>& arguments);

// This program's file.
std::string own_path();

}  // namespace ergon
