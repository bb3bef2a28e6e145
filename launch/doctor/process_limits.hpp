// SPDX-License-Identifier: Apache-2.0
// What the system lets this process take.
#pragma once

#include <cstdint>

#include "configs/quantities.hpp"

namespace ergon {

// Soft limits; -1: none.
struct ProcessLimits {
  std::int64_t open_files = -1;
  std::int64_t processes = -1;  // and threads, of this user; root has none
  Bytes locked_memory = {-1}, stack = {-1}, core_file = {-1};

  bool operator==(const ProcessLimits&) const = default;
};

ProcessLimits process_limits();

}  // namespace ergon
