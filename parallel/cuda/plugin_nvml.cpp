// SPDX-License-Identifier: Apache-2.0
// NVML as the table of plugin.h. It comes with the driver, not with a toolkit or a wheel, so it is opened when asked for; the few
// prototypes are written out here (NVML API reference: nvmlSystemQueries, nvmlDeviceQueries), because toolkits often come without nvml.h.
#include <dlfcn.h>

#include "parallel/cuda/plugin_tables.h"

namespace {

using Device = void*;
struct Memory {
  unsigned long long total, free, used;
};
constexpr unsigned clock_sm = 1, clock_memory = 2;                                 // nvmlClockType_t
constexpr int uninitialized = 1, library_not_found = 12, function_not_found = 13;  // nvmlReturn_t

struct Nvml {
  int (*init)() = nullptr;
  int (*system_driver_version)(char*, unsigned) = nullptr;
  int (*device_count)(unsigned*) = nullptr;
  int (*device_by_pci)(const char*, Device*) = nullptr;
  int (*power)(Device, unsigned*) = nullptr;
  int (*energy)(Device, unsigned long long*) = nullptr;
  int (*memory)(Device, Memory*) = nullptr;
  int (*clock)(Device, unsigned, unsigned*) = nullptr;
  const char* (*error_string)(int) = nullptr;
  int state = uninitialized;
};

template <typename Function>
bool find(void* library, const char* name, Function& function) noexcept {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

Nvml load() noexcept {
  Nvml nvml;
  void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    nvml.state = library_not_found;
    return nvml;
  }
  const bool complete =
      find(library, "nvmlInit_v2", nvml.init) && find(library, "nvmlErrorString", nvml.error_string) &&
      find(library, "nvmlSystemGetDriverVersion", nvml.system_driver_version) &&
      find(library, "nvmlDeviceGetCount_v2", nvml.device_count) && find(library, "nvmlDeviceGetHandleByPciBusId_v2", nvml.device_by_pci) &&
      find(library, "nvmlDeviceGetPowerUsage", nvml.power) && find(library, "nvmlDeviceGetTotalEnergyConsumption", nvml.energy) &&
      find(library, "nvmlDeviceGetMemoryInfo", nvml.memory) && find(library, "nvmlDeviceGetClockInfo", nvml.clock);
  nvml.state = complete ? nvml.init() : function_not_found;
  return nvml;
}

const Nvml& nvml() noexcept {
  static const Nvml loaded = load();
  return loaded;
}

int driver_version(char* text, size_t size) noexcept {
  return nvml().state != 0 ? nvml().state : nvml().system_driver_version(text, static_cast<unsigned>(size));
}

int device_count(int* count) noexcept {
  unsigned found = 0;
  const int code = nvml().state != 0 ? nvml().state : nvml().device_count(&found);
  *count = static_cast<int>(found);
  return code;
}

int read(const char* pci_bus_id, ErgonNvmlReading* reading) noexcept {
  *reading = {-1, -1, -1, -1, -1, -1};
  if (nvml().state != 0) return nvml().state;
  Device device = nullptr;
  if (const int code = nvml().device_by_pci(pci_bus_id, &device); code != 0) return code;
  unsigned value = 0;
  unsigned long long energy = 0;
  Memory memory{};
  if (nvml().power(device, &value) == 0) reading->power_milliwatts = value;
  if (nvml().energy(device, &energy) == 0) reading->energy_millijoules = static_cast<int64_t>(energy);
  if (nvml().memory(device, &memory) == 0) {
    reading->memory_used_bytes = static_cast<int64_t>(memory.used);
    reading->memory_total_bytes = static_cast<int64_t>(memory.total);
  }
  if (nvml().clock(device, clock_sm, &value) == 0) reading->clock_sm_mhz = value;
  if (nvml().clock(device, clock_memory, &value) == 0) reading->clock_memory_mhz = value;
  return 0;
}

const char* error_string(int result) noexcept {
  if (nvml().error_string) return nvml().error_string(result);
  return result == library_not_found ? "libnvidia-ml.so.1 is not on this machine: no NVIDIA driver" : "libnvidia-ml.so.1 is incomplete";
}

}  // namespace

const ErgonNvmlTable* ergon_plugin_nvml() noexcept {
  static const ErgonNvmlTable table = {[]() -> int { return nvml().state; }, driver_version, device_count, read, error_string};
  return &table;
}
