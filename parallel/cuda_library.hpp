// SPDX-License-Identifier: Apache-2.0
// libergon_cuda.so, opened at run time by run.device = "cuda", and the device that this rank takes. Whatever is missing is one Error
// (ExitCode::world, where = run.device) with its cure: the file itself, a library that it needs, another build's tables, an NCCL too old, a
// driver, a device.
//
// Loading costs about two seconds and the memory of libtorch_cuda, so nothing opens it that does not compute on a device; it is never
// closed.
#pragma once

#include <filesystem>
#include <string>

#include "parallel/communicator.hpp"
#include "parallel/cuda/plugin.h"
#include "parallel/mpi.hpp"

namespace ergon {

// Several ranks on one device: for tests. NCCL is then told that every rank is a machine of its own (NCCL_HOSTID) and talks over loopback.
enum class DeviceSharing { refused, allowed };
// The environment variable ERGON_SHARE_GPU: 1 allows it; unset, empty and 0 refuse it; anything else throws Error.
DeviceSharing device_sharing();

std::filesystem::path cuda_plugin_path();  // beside this executable

// The tables of the plugin, checked. Valid until the process ends.
const ErgonCudaPlugin& open_cuda_library(const std::filesystem::path& path = cuda_plugin_path());

// The parts of it, for plugins that did not come from a file.
const ErgonCudaPlugin& checked_plugin(const ErgonCudaPlugin* plugin, const std::string& path);
// Oldest NCCL that keeps the order of launches over several communicators of a device (NCCL_LAUNCH_ORDER_IMPLICIT).
inline constexpr int oldest_nccl = 22600;
void check_nccl(const ErgonNcclTable& nccl);
std::string nccl_version_text(int code);  // 22809 -> "2.28.9", as ncclGetVersion codes it

// Sets what NCCL reads from the environment once; before the first call of NCCL and before threads. `rank` is the world's.
void prepare_nccl_environment(int rank, DeviceSharing sharing);

struct TakenDevice {
  int index = 0;
  std::string name, pci_bus_id;
};
// Makes the device of this rank current. With as many devices as ranks of this machine: the one of its number; with a single visible one
// (schedulers bind ranks to devices): that one.
TakenDevice take_device(const ErgonDeviceTable& table, LocalRank local, DeviceSharing sharing);
// Collective: refuses two ranks on one device of one machine. `machine` is the same text on all ranks of one machine and no other.
void refuse_shared_device(Communicator& world, const std::string& machine, const std::string& pci_bus_id);
std::string machine_id();  // the boot id of this machine

}  // namespace ergon
