// SPDX-License-Identifier: Apache-2.0
#include "launch/run_device.hpp"

#include <cstdlib>

#include "configs/error.hpp"
#include "launch/doctor/network_interfaces.hpp"
#include "launch/identity.hpp"
#include "trainer/checkpoint/agreement.hpp"

namespace ergon {
namespace {

const ErgonKernelTable& kernels_of(const ErgonCudaPlugin& plugin) {
  if (plugin.kernels == nullptr)
    throw Error(fmt::format("{} holds no kernels", cuda_plugin_path().string()), "run.device",
                "build it again with the sources of trainer/kernels/cuda, or set run.device = \"cpu\"", ExitCode::world);
  return *plugin.kernels;
}

// What `ergon launch` cannot say for each machine. A rank that is alone needs no network.
void choose_interface(const std::string& rule, int ranks) {
  if (rule.find('/') == std::string::npos || ranks == 1 || std::getenv("NCCL_SOCKET_IFNAME") != nullptr) return;
  setenv("NCCL_SOCKET_IFNAME", nccl_interfaces(network_interfaces(), rule).c_str(), /*overwrite=*/1);
}

}  // namespace

RunDevice::RunDevice(const RunConfig& config, Communicator& world, LocalRank local) : identity_(cpu_identity()) {
  if (config.run.device == Device::cuda) open_cuda(config, world, local);
}

void RunDevice::open_cuda(const RunConfig& config, Communicator& world, LocalRank local) {
  DeviceSharing sharing = DeviceSharing::refused;
  const ErgonCudaPlugin* plugin = nullptr;
  TakenDevice taken;
  // What one rank lacks, all are told: a missing library is usually missing everywhere, and one message says it.
  on_every_rank(world, [&] {
    sharing = device_sharing();
    choose_interface(config.launch.interface, world.size());
    prepare_nccl_environment(world.rank(), sharing);
    plugin = &open_cuda_library();
    check_nccl(*plugin->nccl);
    taken = take_device(*plugin->device, local, sharing);
  });
  try {
    if (sharing == DeviceSharing::refused) refuse_shared_device(world, machine_id(), taken.pci_bus_id);
  } catch (const Error& error) {
    throw AgreedError(error);  // all ranks have seen the same places
  }
  device_ = at::Device(at::kCUDA, static_cast<at::DeviceIndex>(taken.index));
  identity_ = taken.name;
  on_every_rank(world, [&] {
    kernels_.emplace(kernels_of(*plugin), nullptr);
    registration_.emplace(at::kCUDA, *kernels_);
  });
  NcclLimits limits;
  limits.start = config.watchdog.start;
  limits.abort = config.watchdog.abort;
  context_ = NcclContext::make(*plugin->nccl, *plugin->device, taken.index, at::kCUDA, limits);
}

void RunDevice::guard(Watchdog& watchdog, Seconds limit) const {
  if (context_) watchdog.on_abort([context = context_, limit] { context->abort_all(limit); });
}

}  // namespace ergon
