// SPDX-License-Identifier: Apache-2.0
// Failures of NCCL and CUDA as Error: the call, the library's own words, what they mean for the communicator, and the way out.
#pragma once

#include <string>

#include "configs/error.hpp"
#include "parallel/cuda/plugin.h"

namespace ergon {

// What a result of NCCL means for a communicator.
enum class NcclFault {
  none,
  local,      // invalid argument: this call alone; the communicator stays usable
  transient,  // system error: while a communicator starts it may pass, so all ranks start once more; later fatal
  fatal,      // all ranks must abort the communicator
};
NcclFault fault_of(int result);

// `comm` may be null. `code`: ExitCode::world while communicators start, ExitCode::stuck for a collective under way.
Error nccl_error(const ErgonNcclTable& nccl, int result, ErgonNcclComm comm, const char* call, const std::string& group, ExitCode code);
Error device_error(const ErgonDeviceTable& device, int result, const char* call, const std::string& where);

}  // namespace ergon
