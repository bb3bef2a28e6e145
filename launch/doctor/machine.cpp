// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/machine.hpp"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <hdf5.h>
#include <mpi.h>
#include <sched.h>
#include <sys/statvfs.h>
#include <torch/headeronly/version.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "configs/error.hpp"
#include "launch/build_info.hpp"
#include "parallel/cuda_library.hpp"

namespace ergon {
namespace {

namespace fs = std::filesystem;

std::string read_all(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

MpiThreads threads_of(int level) {
  if (level == MPI_THREAD_MULTIPLE) return MpiThreads::multiple;
  if (level == MPI_THREAD_SERIALIZED) return MpiThreads::serialized;
  return level == MPI_THREAD_FUNNELED ? MpiThreads::funneled : MpiThreads::single;
}

void probe_mpi(Machine& machine) {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  MPI_Get_library_version(text, &length);
  machine.mpi_version = std::string(text, static_cast<std::size_t>(length));
  machine.mpi_version = machine.mpi_version.substr(0, machine.mpi_version.find_first_of(",\n"));
  int running = 0, level = MPI_THREAD_SINGLE;
  MPI_Initialized(&running);
  if (running) {
    MPI_Query_thread(&level);
  } else {
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &level);
    MPI_Finalize();
  }
  machine.mpi_threads = threads_of(level);
  machine.launcher = probe_launcher();
}

// The wheel's NCCL lies beside torch: <site-packages>/nvidia/*/lib; a system's is found by the loader.
void probe_nccl(Machine& machine) {
  std::vector<std::string> candidates;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(fs::path(machine.torch_folder) / ".." / "nvidia", none)) {
    fs::path library = entry.path() / "lib" / "libnccl.so.2";
    if (fs::exists(library, none)) candidates.push_back(library.string());
  }
  candidates.emplace_back("libnccl.so.2");
  for (const std::string& candidate : candidates) {
    void* library = dlopen(candidate.c_str(), RTLD_LAZY | RTLD_LOCAL);
    if (!library) {
      machine.nccl_problem = dlerror();
      continue;
    }
    int code = 0;
    auto get_version = reinterpret_cast<int (*)(int*)>(dlsym(library, "ncclGetVersion"));
    if (get_version && get_version(&code) == 0) machine.nccl_version = nccl_version_text(code);
    return;
  }
}

std::string driver_text(const ErgonNvmlTable& nvml) {
  char text[96] = "";
  const int code = nvml.open() == 0 ? nvml.driver_version(text, sizeof text) : 1;
  return code == 0 ? fmt::format(", driver {}", text) : "";
}

// Opens the CUDA part as a run would, and asks it for the devices.
void probe_cuda(Machine& machine, LocalRank local) {
  try {
    const ErgonCudaPlugin& plugin = open_cuda_library();
    machine.cuda_part = fmt::format("CUDA {}.{}, sm {}", plugin.cuda_version / 1000, plugin.cuda_version % 1000 / 10, plugin.architectures);
    check_nccl(*plugin.nccl);
    const TakenDevice taken = take_device(*plugin.device, local, DeviceSharing::refused);
    int count = 0;
    plugin.device->device_count(&count);
    machine.cuda_devices = fmt::format("{} x {}{}", count, taken.name, driver_text(*plugin.nvml));
    machine.gpu_bus = taken.pci_bus_id;
    machine.gpu_memory = gpu_memory(*plugin.device, *plugin.nvml, taken.index, taken.pci_bus_id);
  } catch (const Error& error) {
    machine.cuda_problem = error.problem();
    machine.cuda_cure = error.hint();
  }
}

void probe_torch(Machine& machine) {
  machine.torch_version = TORCH_VERSION;
  machine.torch_threads = at::get_num_threads();
  machine.torch_instructions = at::get_cpu_capability();
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&at::get_cpu_capability), &info) && info.dli_fname)
    machine.torch_folder = fs::weakly_canonical(fs::path(info.dli_fname).parent_path().parent_path()).string();
}

void probe_gpus(Machine& machine) {
  machine.gpu_driver = first_line(read_all("/proc/driver/nvidia/version"));
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/dev", none)) {
    std::string name = entry.path().filename().string();
    bool numbered = name.size() > 6 && std::all_of(name.begin() + 6, name.end(), [](unsigned char c) { return std::isdigit(c); });
    if (name.rfind("nvidia", 0) == 0 && numbered) ++machine.gpus;
  }
}

Bytes space(const std::string& path, bool whole) {
  struct statvfs status {};
  if (statvfs(path.c_str(), &status) != 0) return {0};
  return {static_cast<std::int64_t>(whole ? status.f_blocks : status.f_bavail) * static_cast<std::int64_t>(status.f_frsize)};
}

void probe_host(Machine& machine) {
  machine.cores = std::max<std::int64_t>(sysconf(_SC_NPROCESSORS_ONLN), 1);
  machine.cores_usable = usable_cores();

  std::string info = read_all("/proc/meminfo");
  machine.memory = meminfo(info, "MemTotal");
  machine.memory_available = meminfo(info, "MemAvailable");
  std::istringstream limit(read_all("/sys/fs/cgroup/memory.max")), used(read_all("/sys/fs/cgroup/memory.current"));
  std::int64_t most = 0, current = 0;
  if (limit >> most && used >> current) {
    machine.memory = std::min(machine.memory, Bytes{most});
    machine.memory_available = std::min(machine.memory_available, Bytes{most - current});
  }
  std::error_code none;
  machine.folder = fs::current_path(none).string();
  machine.disk_free = space(".", false);
  machine.shared_memory = space("/dev/shm", true);
}

}  // namespace

void require_mpirun(const Launcher& launcher) {
  if (launcher.mpirun.empty())
    throw Error("mpirun is not on PATH, and the ranks are started with it", "mpirun",
                "apt-get install openmpi-bin, or load your site's MPI module", ExitCode::world);
  if (launcher.root && !launcher.root_allowed)
    throw Error("mpirun refuses to start as root", launcher.mpirun,
                "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1, or run as another user", ExitCode::world);
}

Launcher probe_launcher() {
  Launcher launcher;
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "");
  for (std::string folder; launcher.mpirun.empty() && std::getline(folders, folder, ':');) {
    std::string candidate = folder + "/mpirun";
    if (access(candidate.c_str(), X_OK) == 0) launcher.mpirun = candidate;
  }
  launcher.root = geteuid() == 0;
  launcher.root_allowed = std::getenv("OMPI_ALLOW_RUN_AS_ROOT") && std::getenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM");
  return launcher;
}

std::int64_t usable_cores() {
  std::int64_t cores = std::max<std::int64_t>(sysconf(_SC_NPROCESSORS_ONLN), 1);
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cores = CPU_COUNT(&set);
  const std::int64_t quota = cores_of_quota(read_all("/sys/fs/cgroup/cpu.max"));
  return quota > 0 ? std::min(cores, quota) : cores;
}

GpuMemory gpu_memory(const ErgonDeviceTable& cuda, const ErgonNvmlTable& nvml, int device, const std::string& pci_bus_id) {
  ErgonDeviceProperties properties{};
  if (cuda.properties(device, &properties) != 0) return {};
  GpuMemory memory;
  memory.total = {properties.memory_bytes};
  ErgonNvmlReading reading{};
  if (nvml.open() != 0 || nvml.read(pci_bus_id.c_str(), &reading) != 0) return memory;
  // CUDA shows a few percent less than NVML, which counts what the driver keeps for itself.
  const bool whole = reading.memory_total_bytes > 0 && reading.memory_total_bytes - memory.total.value < reading.memory_total_bytes / 5;
  if (whole && reading.memory_used_bytes >= 0)
    memory.free = std::min(memory.total, Bytes{reading.memory_total_bytes - reading.memory_used_bytes});
  return memory;
}

Machine probe_machine(LocalRank local) {
  Machine machine;
  machine.compiler = build_info::compiler;
  machine.build_type = build_info::build_type;
  probe_mpi(machine);
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  machine.hdf5_version = fmt::format("{}.{}.{}", major, minor, release);
  hbool_t safe = false;
  machine.hdf5_thread_safe = H5is_library_threadsafe(&safe) >= 0 && safe;
  probe_torch(machine);
  probe_nccl(machine);
  probe_cuda(machine, local);
  probe_gpus(machine);
  probe_host(machine);
  return machine;
}

std::int64_t cores_of_quota(const std::string& cpu_max) {
  std::istringstream text(cpu_max);
  std::int64_t quota = 0, period = 0;
  if (!(text >> quota >> period) || period <= 0) return 0;
  return std::max<std::int64_t>(quota / period, 1);
}

Bytes meminfo(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(key + ":", 0) != 0) continue;
    return {std::strtoll(line.c_str() + key.size() + 1, nullptr, 10) * 1024};
  }
  return {0};
}

}  // namespace ergon
