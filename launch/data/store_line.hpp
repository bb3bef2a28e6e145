// SPDX-License-Identifier: Apache-2.0
// The line of a command that looks into one token store or dataset, `ergon data COMMAND STORE [--json]`, to which the command adds what is
// its own.
#pragma once

#include <string>

#include "launch/command_line.hpp"

namespace ergon {

struct StoreLine : CommandLine {
  StoreLine(const std::string& command, const std::string& summary) : CommandLine(command, summary) {
    flag(json, "--json", "print JSON");
    positional(store, "STORE", "a token store, or a dataset file");
  }
  StoreLine(const StoreLine&) = delete;  // parsing writes into the members
  StoreLine& operator=(const StoreLine&) = delete;

  std::string store;
  bool json = false;
};

}  // namespace ergon
