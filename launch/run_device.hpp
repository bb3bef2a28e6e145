// SPDX-License-Identifier: Apache-2.0
// Where the tensors of a run are: what run.device asks for, opened in the one order that works (library, environment of NCCL, device,
// kernels, NCCL), and kept for as long as the run.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "configs/run_config.hpp"
#include "parallel/communicators.hpp"
#include "parallel/cuda_library.hpp"
#include "parallel/nccl_context.hpp"
#include "parallel/watchdog.hpp"
#include "trainer/kernels/device.hpp"

namespace ergon {

class RunDevice {
 public:
  // Collective over `world`. "cpu" opens nothing. Throws Error (ExitCode::world, where = run.device) with its cure for whatever is missing
  // (parallel/cuda_library.hpp).
  RunDevice(const RunConfig& config, Communicator& world, LocalRank local);
  RunDevice(const RunDevice&) = delete;
  RunDevice& operator=(const RunDevice&) = delete;

  at::Device device() const { return device_; }
  // What computes, for the promise of bitwise continuation: the processor's identity or the device's name.
  const std::string& identity() const { return identity_; }
  // For Communicators; empty where the run's tensors are host tensors.
  DeviceGroup groups() const { return context_ ? context_->groups() : DeviceGroup(); }
  // From now on a hit of the watchdog aborts what NCCL has under way.
  void guard(Watchdog& watchdog, Seconds limit) const;

 private:
  void open_cuda(const RunConfig& config, Communicator& world, LocalRank local);

  at::Device device_ = at::kCPU;
  std::string identity_;
  std::optional<DeviceKernels> kernels_;
  std::optional<DeviceRegistration> registration_;
  std::shared_ptr<NcclContext> context_;
};

}  // namespace ergon
