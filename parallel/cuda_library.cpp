// SPDX-License-Identifier: Apache-2.0
#include "parallel/cuda_library.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "configs/error.hpp"
#include "parallel/process_identity.hpp"

namespace ergon {
namespace {

constexpr const char* key = "run.device";
constexpr const char* build_again = "build again (launch/build.sh release), so that the binary and libergon_cuda.so are of one source";

#ifdef NDEBUG
constexpr bool debug_build = false;
#else
constexpr bool debug_build = true;
#endif

[[noreturn]] void refuse(const std::string& what, const std::string& hint) { throw Error(what, key, hint, ExitCode::world); }

std::string cure_of(const std::string& loader_message) {
  if (loader_message.find("cannot open shared object file") == std::string::npos) return build_again;
  return "the CPU-only set of wheels has no CUDA libraries: `launch/setup.sh --cuda` installs the full set (pip install torch==2.11.0) "
         "into "
         ".venv, then build again; or set run.device = \"cpu\"";
}

void set_default(const char* name, const char* value) { setenv(name, value, /*overwrite=*/0); }

}  // namespace

DeviceSharing device_sharing() {
  const char* text = std::getenv("ERGON_SHARE_GPU");
  const std::string_view value = text ? text : "";
  if (value.empty() || value == "0") return DeviceSharing::refused;
  if (value == "1") return DeviceSharing::allowed;
  throw Error(fmt::format("ERGON_SHARE_GPU is '{}'", value), key, "1 lets several ranks share a device, for tests; 0 or unset refuses it",
              ExitCode::config);
}

std::filesystem::path cuda_plugin_path() {
  std::error_code none;
  return std::filesystem::read_symlink("/proc/self/exe", none).parent_path() / "libergon_cuda.so";
}

const ErgonCudaPlugin& open_cuda_library(const std::filesystem::path& path) {
  std::error_code none;
  if (!std::filesystem::exists(path, none))
    refuse(fmt::format("this build has no CUDA part: {} is not there", path.string()),
           "it is built where nvcc and nccl.h are found: install the CUDA toolkit and libnccl-dev, then ERGON_CUDA=on launch/build.sh "
           "release; or "
           "set run.device = \"cpu\"");
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!library) {
    const std::string message = dlerror();
    refuse(fmt::format("{} does not load: {}", path.filename().string(), message), cure_of(message));
  }
  const auto entry = reinterpret_cast<ErgonCudaPluginEntry>(dlsym(library, ERGON_CUDA_PLUGIN_ENTRY));
  if (!entry) refuse(fmt::format("{} is not a CUDA part of Ergon: it has no {}", path.string(), ERGON_CUDA_PLUGIN_ENTRY), build_again);
  return checked_plugin(entry(), path.string());
}

const ErgonCudaPlugin& checked_plugin(const ErgonCudaPlugin* plugin, const std::string& path) {
  if (plugin->version != ERGON_CUDA_PLUGIN_VERSION || plugin->table_bytes != ERGON_CUDA_TABLE_BYTES)
    refuse(fmt::format("{} is of another build: tables of version {} and {} bytes, this binary has version {} and {} bytes", path,
                       plugin->version, plugin->version == ERGON_CUDA_PLUGIN_VERSION ? plugin->table_bytes : 0,
                       static_cast<int>(ERGON_CUDA_PLUGIN_VERSION), static_cast<int>(ERGON_CUDA_TABLE_BYTES)),
           build_again);
  return *plugin;
}

void check_nccl(const ErgonNcclTable& nccl) {
  int version = 0;
  if (const int code = nccl.get_version(&version); code != ERGON_NCCL_SUCCESS)
    refuse(fmt::format("ncclGetVersion failed: {}", nccl.error_string(code)), "`launch/setup.sh --cuda` installs the NCCL that fits");
  if (version < oldest_nccl)
    refuse(fmt::format("NCCL {} is too old: Ergon needs {}, which keeps the order of launches over several communicators",
                       nccl_version_text(version), nccl_version_text(oldest_nccl)),
           "`launch/setup.sh --cuda` installs the NCCL that fits; an older libnccl.so.2 may stand before it in LD_LIBRARY_PATH");
}

std::string nccl_version_text(int code) {
  if (code < 10000) return fmt::format("{}.{}.{}", code / 1000, code / 100 % 10, code % 100);
  return fmt::format("{}.{}.{}", code / 10000, code / 100 % 100, code % 100);
}

void prepare_nccl_environment(int rank, DeviceSharing sharing) {
  setenv("NCCL_LAUNCH_ORDER_IMPLICIT", "1", /*overwrite=*/1);
  if (debug_build) set_default("NCCL_LAUNCH_RACE_FATAL", "1");
  if (sharing == DeviceSharing::refused) return;
  setenv("NCCL_HOSTID", fmt::format("ergon-rank-{}", rank).c_str(), /*overwrite=*/1);
  set_default("NCCL_SOCKET_IFNAME", "lo");
  for (const char* name : {"NCCL_CUMEM_ENABLE", "NCCL_NVLS_ENABLE"}) set_default(name, "0");
  set_default("NCCL_IB_DISABLE", "1");
  set_default("NCCL_MAX_CTAS", "4");
}

TakenDevice take_device(const ErgonDeviceTable& table, LocalRank local, DeviceSharing sharing) {
  int driver = 0, count = 0;
  int code = table.driver_version(&driver);
  if (code != ERGON_CUDA_SUCCESS || driver == 0)
    refuse(fmt::format("no NVIDIA driver answers on this machine{}{}", code == ERGON_CUDA_SUCCESS ? "" : ": ",
                       code == ERGON_CUDA_SUCCESS ? "" : table.error_string(code)),
           "install the driver (nvidia-smi must list the GPU), or set run.device = \"cpu\"");
  code = table.device_count(&count);
  if (code == ERGON_CUDA_INSUFFICIENT_DRIVER)
    refuse(fmt::format("the NVIDIA driver offers CUDA {}.{}, which is too old: {}", driver / 1000, driver % 1000 / 10,
                       table.error_string(code)),
           "update the driver, or set run.device = \"cpu\"");
  if (code == ERGON_CUDA_NO_DEVICE || (code == ERGON_CUDA_SUCCESS && count == 0))
    refuse("a driver answers, but no CUDA device is visible here",
           "give the job its devices: --gpus all for a container, --gres=gpu:N for Slurm, and look at CUDA_VISIBLE_DEVICES");
  if (code != ERGON_CUDA_SUCCESS)
    refuse(fmt::format("cudaGetDeviceCount failed: {}", table.error_string(code)), "`ergon doctor` shows more");
  if (count < local.size && count > 1 && sharing == DeviceSharing::refused)
    refuse(fmt::format("{} ranks run on this machine, which shows {} devices", local.size, count),
           fmt::format("start at most {} ranks a machine (mpirun -N {}); ERGON_SHARE_GPU=1 lets ranks share a device, for tests", count,
                       count));
  TakenDevice taken{local.rank % count, "", ""};
  ErgonDeviceProperties properties{};
  code = table.set_device(taken.index);
  if (code == ERGON_CUDA_SUCCESS) code = table.properties(taken.index, &properties);
  if (code != ERGON_CUDA_SUCCESS)
    refuse(fmt::format("device {} cannot be used: {}", taken.index, table.error_string(code)),
           "another program may hold it: see nvidia-smi");
  taken.name = properties.name;
  taken.pci_bus_id = properties.pci_bus_id;
  return taken;
}

void refuse_shared_device(Communicator& world, const std::string& machine, const std::string& pci_bus_id) {
  constexpr std::int64_t width = 128;
  const std::string place = machine + " " + pci_bus_id;
  ERGON_CHECK(place.size() < width, "the place '{}' is too long", place);
  const at::Tensor mine = at::zeros({width}, at::kByte), all = at::empty({world.size() * width}, at::kByte);
  std::memcpy(mine.mutable_data_ptr<std::uint8_t>(), place.data(), place.size());
  world.all_gather(all, mine).wait();
  const char* places = reinterpret_cast<const char*>(all.const_data_ptr<std::uint8_t>());
  for (int b = 1; b < world.size(); ++b)
    for (int a = 0; a < b; ++a)
      if (std::strcmp(places + a * width, places + b * width) == 0)
        refuse(
            fmt::format("ranks {} and {} have the same device, {}", a, b, std::string_view(places + a * width).substr(machine.size() + 1)),
            "start one rank a device; ERGON_SHARE_GPU=1 lets ranks share a device, for tests");
}

std::string machine_id() { return this_process().boot; }

}  // namespace ergon
