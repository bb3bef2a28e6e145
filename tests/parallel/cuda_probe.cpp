// SPDX-License-Identifier: Apache-2.0
// A program for tests of the real libergon_cuda.so: `cuda_probe WAY PLUGIN`. Each process has one way, because the CUDA libraries stay
// loaded.
#include <cstdio>
#include <cstring>
#include <string>

#include "parallel/communicator_mpi.hpp"
#include "parallel/communicator_nccl.hpp"
#include "parallel/cuda_library.hpp"

namespace ergon {
namespace {

void describe(const ErgonCudaPlugin& plugin) {
  int nccl = 0;
  const int code = plugin.nccl->get_version(&nccl);
  std::printf("tables %d bytes, toolkit %d, nccl.h %d, libnccl %d (%d), architectures %s, kernels %s\n", plugin.table_bytes,
              plugin.cuda_version, plugin.nccl_version, nccl, code, plugin.architectures, plugin.kernels ? "yes" : "no");
  for (int result = ERGON_NCCL_SUCCESS; result <= ERGON_NCCL_IN_PROGRESS; ++result)
    std::printf("nccl %d: %s\n", result, plugin.nccl->error_string(result));
  for (int result : {int{ERGON_CUDA_INSUFFICIENT_DRIVER}, int{ERGON_CUDA_NO_DEVICE}})
    std::printf("cuda %d: %s\n", result, plugin.device->error_string(result));
}

void ask_nvml(const ErgonNvmlTable& nvml) {
  const int code = nvml.open();
  char driver[64] = "";
  int count = -1;
  ErgonNvmlReading reading{};
  const int driver_code = nvml.driver_version(driver, sizeof driver), count_code = nvml.device_count(&count);
  const int read_code = nvml.read("0000:00:00.0", &reading);
  std::printf("nvml open %d (%s), driver %d '%s', devices %d %d, reading %d power %lld\n", code, nvml.error_string(code), driver_code,
              driver, count_code, count, read_code, static_cast<long long>(reading.power_milliwatts));
}

// Unique id, broadcast and start over the real NCCL; without a driver NCCL refuses at once.
void start_over_mpi(const ErgonCudaPlugin& plugin, const MpiEnvironment& mpi) {
  prepare_nccl_environment(mpi.rank(), device_sharing());
  check_nccl(*plugin.nccl);
  static const ErgonDeviceTable streamless = [&] {
    ErgonDeviceTable table = *plugin.device;
    table.stream_create = [](ErgonStream* stream, int) -> int { return *stream = nullptr, 0; };
    return table;
  }();
  const auto context =
      NcclContext::make(*plugin.nccl, streamless, 0, at::kCUDA, {.start = {60}, .abort = {10}, .attempts = 1, .back_off = {0}});
  make_nccl_communicator(context, make_mpi_world(), "tp", Traffic::critical);
}

int run(int argc, char** argv) {
  const std::string way = argv[1];
  if (way == "open") {
    describe(open_cuda_library(argv[2]));
  } else if (way == "device") {
    take_device(*open_cuda_library(argv[2]).device, {}, DeviceSharing::refused);
  } else if (way == "nvml") {
    ask_nvml(*open_cuda_library(argv[2]).nvml);
  } else if (way == "nccl") {
    MpiEnvironment mpi(&argc, &argv);
    int code = 0;
    try {
      start_over_mpi(open_cuda_library(argv[2]), mpi);
    } catch (const Error& error) {
      std::printf("rank %d: %s\n", mpi.rank(), error.what());
      code = static_cast<int>(error.code());
    }
    return mpi.finish(static_cast<ExitCode>(code), {20});
  }
  return 0;
}

}  // namespace
}  // namespace ergon

int main(int argc, char** argv) {
  try {
    return ergon::run(argc, argv);
  } catch (const ergon::Error& error) {
    std::printf("%s\n", error.what());
    return static_cast<int>(error.code());
  }
}
