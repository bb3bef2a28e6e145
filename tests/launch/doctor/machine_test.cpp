// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/machine.hpp"

#include <unistd.h>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("control group quotas become whole cores") {
  CHECK(cores_of_quota("max 100000\n") == 0);
  CHECK(cores_of_quota("200000 100000\n") == 2);
  CHECK(cores_of_quota("150000 100000\n") == 1);
  CHECK(cores_of_quota("50000 100000\n") == 1);
  CHECK(cores_of_quota("") == 0);
  CHECK(cores_of_quota("100000 0\n") == 0);
}

TEST_CASE("meminfo reads one key in kibibytes and no longer key that begins like it") {
  const std::string text = "MemTotal:       16303428 kB\nMemAvailableX:  7 kB\nMemAvailable:    8000 kB\n";
  CHECK(meminfo(text, "MemTotal").value == 16303428LL * 1024);
  CHECK(meminfo(text, "MemAvailable").value == 8000 * 1024);
  CHECK(meminfo(text, "SwapTotal").value == 0);
}

TEST_CASE("memory of a device: in all by CUDA, free by NVML, which is asked by PCI address") {
  struct Planted {
    std::int64_t cuda, total, used;
    int open, read;
  };
  static Planted planted;
  ErgonDeviceTable cuda{};
  cuda.properties = [](int device, ErgonDeviceProperties* properties) {
    properties->memory_bytes = planted.cuda;
    return device == 3 ? 0 : 1;
  };
  ErgonNvmlTable nvml{};
  nvml.open = []() -> int { return planted.open; };
  nvml.read = [](const char* pci_bus_id, ErgonNvmlReading* reading) {
    *reading = {-1, -1, planted.used, planted.total, -1, -1};
    return std::string(pci_bus_id) == "0000:0a:00.0" ? planted.read : 1;
  };
  const auto memory = [&](const Planted& now, int index = 3) {
    planted = now;
    return gpu_memory(cuda, nvml, index, "0000:0a:00.0");
  };
  CHECK(memory({78, 80, 10, 0, 0}) == GpuMemory{{78}, {70}});
  CHECK(memory({78, 80, 1, 0, 0}) == GpuMemory{{78}, {78}});
  CHECK(memory({10, 80, 60, 0, 0}) == GpuMemory{{10}, {0}});  // a part of the device
  CHECK(memory({78, -1, -1, 0, 0}) == GpuMemory{{78}, {0}});
  CHECK(memory({78, 80, 10, 12, 0}) == GpuMemory{{78}, {0}});  // no NVML
  CHECK(memory({78, 80, 10, 0, 1}) == GpuMemory{{78}, {0}});
  CHECK(memory({78, 80, 10, 0, 0}, 4) == GpuMemory{});
}

TEST_CASE("this machine has cores, memory, torch, MPI and HDF5") {
  Machine machine = probe_machine();
  CHECK(machine.cores >= 1);
  CHECK(machine.cores_usable >= 1);
  CHECK(machine.cores_usable <= machine.cores);
  CHECK(machine.memory.value > machine.memory_available.value);
  CHECK(machine.memory_available.value > 0);
  CHECK(machine.torch_version.rfind("2.", 0) == 0);
  CHECK(access((machine.torch_folder + "/lib/libtorch_cpu.so").c_str(), R_OK) == 0);
  CHECK(machine.mpi_version.find("MPI") != std::string::npos);
  CHECK(machine.hdf5_version.rfind("1.", 0) == 0);
  CHECK(machine.nccl_version.empty() != machine.nccl_problem.empty());
  CHECK(machine.cuda_devices.empty() != machine.cuda_problem.empty());
}
