// SPDX-License-Identifier: Apache-2.0
// What this machine and this build offer, as plain values: `ergon doctor` measures them here and judges them in
// launch/doctor/diagnosis.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "configs/quantities.hpp"
#include "parallel/cuda/plugin.h"
#include "parallel/mpi.hpp"

namespace ergon {

enum class MpiThreads { single, funneled, serialized, multiple };

// What starts ranks here.
struct Launcher {
  std::string mpirun;  // its path; empty: not on PATH
  bool root = false;
  bool root_allowed = false;  // OMPI_ALLOW_RUN_AS_ROOT and its confirmation are set
};
Launcher probe_launcher();
// Throws Error (ExitCode::world) when ranks cannot be started with it: there is no mpirun, or it refuses the user.
void require_mpirun(const Launcher& launcher);

// Of a device; 0: unknown.
struct GpuMemory {
  Bytes total = {0}, free = {0};

  bool operator==(const GpuMemory&) const = default;
};
// NVML speaks of a whole GPU: what is free of a part of one (MIG) is not known.
GpuMemory gpu_memory(const ErgonDeviceTable& cuda, const ErgonNvmlTable& nvml, int device, const std::string& pci_bus_id);

struct Machine {
  std::string compiler, build_type;
  std::string mpi_version;
  MpiThreads mpi_threads = MpiThreads::single;
  Launcher launcher;
  std::string hdf5_version;
  bool hdf5_thread_safe = false;
  std::string torch_version, torch_folder, torch_instructions;  // instructions: what ATen chose for this CPU
  std::int64_t torch_threads = 0;
  std::string nccl_version;             // empty: no libnccl.so.2 that loads
  std::string nccl_problem;             // what the loader said
  std::string cuda_part;                // what libergon_cuda.so is made of; empty: it is not there or does not open
  std::string cuda_devices;             // "2 x NVIDIA H100, driver 580.65"; empty: none that CUDA can use
  std::string cuda_problem, cuda_cure;  // why one of the two is empty
  std::string gpu_bus;                  // PCI address of the device that this rank took; empty: none
  GpuMemory gpu_memory;                 // of that device
  std::string gpu_driver;               // empty: no driver
  std::int64_t gpus = 0;
  std::int64_t cores = 0;         // of the machine
  std::int64_t cores_usable = 0;  // by affinity and control group
  Bytes memory, memory_available;
  Bytes disk_free;      // where the command stands
  Bytes shared_memory;  // size of /dev/shm
  std::string folder;   // where the command stands
};

// Starts MPI when nobody has (the thread level cannot be asked before) and ends it in that case. Takes the device of this rank.
Machine probe_machine(LocalRank local = {});

// Cores that this process may use, by affinity and control group.
std::int64_t usable_cores();
// Of control group files: the cores that "max 100000" or "150000 100000" allow, rounded down but at least 1; 0: no limit.
std::int64_t cores_of_quota(const std::string& cpu_max);
// The value in bytes of a line "MemTotal:  16303428 kB" of /proc/meminfo; 0 when the key is missing.
Bytes meminfo(const std::string& text, const std::string& key);

}  // namespace ergon
