// SPDX-License-Identifier: Apache-2.0
#include "parallel/cuda_library.hpp"

#include <cstdlib>
#include <mutex>

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"
#include "tests/parallel/cuda_probe.hpp"
#include "tests/parallel/nccl_mock.hpp"
#include "tests/support/skip.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

#ifdef NDEBUG
constexpr bool debug_build = false;
#else
constexpr bool debug_build = true;
#endif

std::string refusal(const std::function<void()>& call, ExitCode code = ExitCode::world) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.code() == code);
    CHECK(error.where() == "run.device");
    return error.problem() + " -> " + error.hint();
  }
  return "accepted";
}

bool contains(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

// A machine as take_device sees it.
struct Machine {
  int driver_code = 0, driver = 13000, count_code = 0, count = 2, set_code = 0;
} machine;

ErgonDeviceTable table_of(const Machine& planted) {
  machine = planted;
  ErgonDeviceTable table{};
  table.driver_version = [](int* version) -> int { return *version = machine.driver, machine.driver_code; };
  table.device_count = [](int* count) -> int { return *count = machine.count, machine.count_code; };
  table.set_device = [](int) -> int { return machine.set_code; };
  table.properties = [](int device, ErgonDeviceProperties* properties) -> int {
    std::snprintf(properties->name, sizeof properties->name, "Planted %d", device);
    std::snprintf(properties->pci_bus_id, sizeof properties->pci_bus_id, "0000:%02d:00.0", device);
    return 0;
  };
  table.error_string = [](int) -> const char* { return "CUDA's words"; };
  return table;
}

std::string taken(const Machine& planted, LocalRank local, DeviceSharing sharing = DeviceSharing::refused) {
  const ErgonDeviceTable table = table_of(planted);
  std::string device;
  const std::string refused = refusal([&] {
    const TakenDevice taken = take_device(table, local, sharing);
    device = fmt::format("{} {} {}", taken.index, taken.name, taken.pci_bus_id);
  });
  return device.empty() ? refused : device;
}

}  // namespace

TEST_CASE("cuda_library: a build without a CUDA part says how to get one") {
  const std::string text = refusal([] { open_cuda_library("/nowhere/libergon_cuda.so"); });
  contains(text, "this build has no CUDA part: /nowhere/libergon_cuda.so is not there -> ");
  contains(text, "ERGON_CUDA=on launch/build.sh release");
  CHECK(cuda_plugin_path().filename() == "libergon_cuda.so");
}

TEST_CASE("cuda_library: a file that is no plugin, and a plugin of another build") {
  contains(refusal([] { open_cuda_library("/proc/version"); }), "version does not load: ");
  contains(refusal([] { open_cuda_library(ERGON_TEST_OTHER_LIBRARY); }), "it has no ergon_cuda_plugin_v1");
  ErgonCudaPlugin plugin{};
  plugin.version = ERGON_CUDA_PLUGIN_VERSION + 1;
  contains(refusal([&] { checked_plugin(&plugin, "p.so"); }), "p.so is of another build: tables of version 2");
  plugin.version = ERGON_CUDA_PLUGIN_VERSION;
  plugin.table_bytes = ERGON_CUDA_TABLE_BYTES - 8;
  contains(refusal([&] { checked_plugin(&plugin, "p.so"); }), fmt::format("and {} bytes", ERGON_CUDA_TABLE_BYTES - 8));
  plugin.table_bytes = ERGON_CUDA_TABLE_BYTES;
  CHECK(&checked_plugin(&plugin, "p.so") == &plugin);
}

TEST_CASE("cuda_library: an NCCL too old, or none that answers") {
  ErgonNcclTable nccl = NcclMock::nccl();
  check_nccl(nccl);
  nccl.get_version = [](int* version) -> int { return *version = 22005, 0; };
  contains(refusal([&] { check_nccl(nccl); }), "NCCL 2.20.5 is too old: Ergon needs 2.26.0");
  nccl.get_version = [](int*) -> int { return ERGON_NCCL_SYSTEM_ERROR; };
  contains(refusal([&] { check_nccl(nccl); }), "ncclGetVersion failed: unhandled system error -> ");
  CHECK(nccl_version_text(22809) == "2.28.9");
  CHECK(nccl_version_text(2708) == "2.7.8");
}

TEST_CASE("cuda_library: which device a rank takes") {
  CHECK(taken({.count = 4}, {2, 4}) == "2 Planted 2 0000:02:00.0");
  CHECK(taken({.count = 8}, {3, 4}) == "3 Planted 3 0000:03:00.0");
  CHECK(taken({.count = 1}, {3, 4}) == "0 Planted 0 0000:00:00.0");  // the scheduler bound it
  CHECK(taken({.count = 2}, {3, 4}, DeviceSharing::allowed) == "1 Planted 1 0000:01:00.0");
  contains(taken({.count = 2}, {3, 4}), "4 ranks run on this machine, which shows 2 devices -> start at most 2 ranks a machine");
  contains(taken({.driver = 0}, {0, 1}), "no NVIDIA driver answers on this machine -> install the driver");
  contains(taken({.driver_code = 35}, {0, 1}), "no NVIDIA driver answers on this machine: CUDA's words -> ");
  contains(taken({.driver = 12040, .count_code = 35}, {0, 1}),
           "the NVIDIA driver offers CUDA 12.4, which is too old: CUDA's words -> update");
  contains(taken({.count_code = 100}, {0, 1}), "a driver answers, but no CUDA device is visible here -> give the job its devices");
  contains(taken({.count = 0}, {0, 1}), "no CUDA device is visible here");
  contains(taken({.count_code = 999}, {0, 1}), "cudaGetDeviceCount failed: CUDA's words");
  contains(taken({.set_code = 46}, {0, 1}), "device 0 cannot be used: CUDA's words");
}

TEST_CASE("cuda_library: two ranks on one device are refused on all ranks") {
  const auto said = [](const std::vector<std::string>& machines, const std::vector<std::string>& devices) {
    std::mutex mutex;
    std::vector<std::string> texts;
    run_local_ranks(static_cast<int>(machines.size()), [&](std::unique_ptr<Communicator> world) {
      const auto rank = static_cast<std::size_t>(world->rank());
      std::string text = "accepted";
      try {
        refuse_shared_device(*world, machines[rank], devices[rank]);
      } catch (const Error& error) {
        text = error.problem();
      }
      const std::lock_guard lock(mutex);
      texts.push_back(text);
    });
    for (const std::string& text : texts) CHECK(text == texts[0]);
    return texts[0];
  };
  CHECK(said({"a", "a", "b"}, {"0000:01:00.0", "0000:02:00.0", "0000:01:00.0"}) == "accepted");
  CHECK(said({"a", "b", "b"}, {"0000:01:00.0", "0000:02:00.0", "0000:02:00.0"}) == "ranks 1 and 2 have the same device, 0000:02:00.0");
  CHECK(machine_id().size() == 36);
}

TEST_CASE("cuda_library: sharing a device is asked for by an environment variable") {
  const auto sharing = [](const char* value) {
    value ? setenv("ERGON_SHARE_GPU", value, 1) : unsetenv("ERGON_SHARE_GPU");
    return device_sharing();
  };
  CHECK(sharing(nullptr) == DeviceSharing::refused);
  CHECK(sharing("0") == DeviceSharing::refused);
  CHECK(sharing("1") == DeviceSharing::allowed);
  contains(refusal([&] { sharing("yes"); }, ExitCode::config), "ERGON_SHARE_GPU is 'yes'");
  unsetenv("ERGON_SHARE_GPU");
  for (const char* name : {"NCCL_HOSTID", "NCCL_LAUNCH_ORDER_IMPLICIT", "NCCL_LAUNCH_RACE_FATAL", "NCCL_MAX_CTAS", "NCCL_SOCKET_IFNAME"})
    unsetenv(name);
  setenv("NCCL_SOCKET_IFNAME", "eth7", 1);
  prepare_nccl_environment(3, DeviceSharing::refused);
  CHECK(std::string(std::getenv("NCCL_LAUNCH_ORDER_IMPLICIT")) == "1");
  CHECK(std::getenv("NCCL_HOSTID") == nullptr);
  CHECK((std::getenv("NCCL_LAUNCH_RACE_FATAL") != nullptr) == debug_build);
  prepare_nccl_environment(3, DeviceSharing::allowed);
  CHECK(std::string(std::getenv("NCCL_HOSTID")) == "ergon-rank-3");
  CHECK(std::string(std::getenv("NCCL_SOCKET_IFNAME")) == "eth7");  // the user's word stands
  CHECK(std::string(std::getenv("NCCL_MAX_CTAS")) == "4");
}

TEST_CASE("cuda_library: with the CPU-only set the loader's message and the cure are passed on") {
  if (const std::string why = no_plugin(cpu_set()); !why.empty()) return test::skip(why);
  const Probed probed = probe_cuda("open", cpu_set());
  INFO(probed.output);
  CHECK(probed.code == 4);
  CHECK(probed.says("libergon_cuda.so does not load: lib"));
  CHECK(probed.says("cannot open shared object file"));
  CHECK(probed.says("`launch/setup.sh --cuda` installs the full set"));
}

TEST_CASE("cuda_library: with the full set only the driver is missing") {
  if (const std::string why = no_plugin(full_set()); !why.empty()) return test::skip(why);
  if (driver_here()) return test::skip("this machine has a driver");
  const Probed probed = probe_cuda("device", full_set());
  INFO(probed.output);
  CHECK(probed.code == 4);
  CHECK(probed.says("no NVIDIA driver answers on this machine"));
}

}  // namespace ergon
