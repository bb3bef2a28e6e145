// SPDX-License-Identifier: Apache-2.0
// Open MPI's list of hosts: a line each, `node0 slots=8`, `#` begins a comment.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ergon {

struct Host {
  std::string name;
  std::int64_t slots = 1;
};

// A host that stands on several lines is one, with the sum of their slots, as Open MPI has it. Throws Error (ExitCode::config) with file
// and line for one that is no host, and for a list without any; ExitCode::config too when the file cannot be read.
std::vector<Host> read_host_file(const std::string& path);

}  // namespace ergon
