// SPDX-License-Identifier: Apache-2.0
#include "parallel/nccl_error.hpp"

namespace ergon {
namespace {

const char* hint_of(int result) {
  switch (result) {
    case ERGON_NCCL_INVALID_ARGUMENT:
      return "the call was refused on this rank alone; NCCL_DEBUG=WARN shows the argument";
    case ERGON_NCCL_UNHANDLED_CUDA_ERROR:
      return "CUDA failed under NCCL: look at the driver (nvidia-smi, dmesg); NCCL_DEBUG=WARN names the call";
    case ERGON_NCCL_SYSTEM_ERROR:
      return "the network or the system failed: NCCL_DEBUG=INFO shows the interface, NCCL_SOCKET_IFNAME chooses another";
    case ERGON_NCCL_INVALID_USAGE:
      return "ranks disagree, or two of them have one device: start one rank a device, with one binary and one environment";
    case ERGON_NCCL_REMOTE_ERROR:
      return "another rank or its network failed: see the first error in the log";
    default:
      return "NCCL_DEBUG=WARN shows more; please report it";
  }
}

}  // namespace

NcclFault fault_of(int result) {
  switch (result) {
    case ERGON_NCCL_SUCCESS:
    case ERGON_NCCL_IN_PROGRESS:
      return NcclFault::none;
    case ERGON_NCCL_INVALID_ARGUMENT:
      return NcclFault::local;
    case ERGON_NCCL_SYSTEM_ERROR:
    case ERGON_NCCL_REMOTE_ERROR:
      return NcclFault::transient;
    default:
      return NcclFault::fatal;
  }
}

Error nccl_error(const ErgonNcclTable& nccl, int result, ErgonNcclComm comm, const char* call, const std::string& group, ExitCode code) {
  const char* text = nccl.last_error(comm);
  const std::string last = text ? text : "";
  return Error(fmt::format("{} failed: {}{}{}", call, nccl.error_string(result), last.empty() ? "" : ": ", last), group, hint_of(result),
               code);
}

Error device_error(const ErgonDeviceTable& device, int result, const char* call, const std::string& where) {
  return Error(fmt::format("{} failed: {}", call, device.error_string(result)), where,
               "the device may be lost: look at nvidia-smi and dmesg; CUDA_LAUNCH_BLOCKING=1 shows which kernel failed", ExitCode::world);
}

}  // namespace ergon
