// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "tests/parallel/cuda_probe.hpp"

namespace ergon {
namespace {

namespace fs = std::filesystem;

bool has_nccl(const fs::path& torch_lib) { return fs::exists(torch_lib / "../../nvidia/nccl/lib/libnccl.so.2"); }

std::string first_existing(bool with_nccl) {
  const char* variable = std::getenv("ERGON_FULL_TORCH");  // the torch folder of a full set elsewhere
  for (const fs::path& torch : {fs::path(ERGON_TEST_TORCH), fs::path(variable ? variable : ""), fs::path(ERGON_TEST_FULL_TORCH)}) {
    const fs::path lib = torch / "lib";
    if (!torch.empty() && fs::exists(lib / "libtorch_cuda.so") && has_nccl(lib) == with_nccl) return lib.string();
  }
  return "";
}

}  // namespace

std::string full_set() { return first_existing(true); }
std::string cpu_set() { return first_existing(false); }

std::string no_plugin(const std::string& torch_lib) {
  if (!fs::exists(ERGON_TEST_PLUGIN)) return "libergon_cuda.so is not built here (no nvcc or nccl.h)";
  if (torch_lib.empty())
    return "no such set of wheels here; launch/setup.sh --python-torch brings the full one, or name it by ERGON_FULL_TORCH";
  return "";
}

Probed probe_cuda(const std::string& way, const std::string& torch_lib, int ranks, const std::string& plugin) {
  const auto start = std::chrono::steady_clock::now();
  std::string command = "env NCCL_SOCKET_IFNAME=lo LD_LIBRARY_PATH='" + torch_lib + "' ";
  if (ranks > 0)
    command +=
        "'" ERGON_MPIRUN "' -n " + std::to_string(ranks) + " --oversubscribe --bind-to none -x LD_LIBRARY_PATH -x NCCL_SOCKET_IFNAME ";
  command += "'" ERGON_CUDA_PROBE "' " + way + " '" + (plugin.empty() ? ERGON_TEST_PLUGIN : plugin) + "' 2>&1";
  Probed probed;
  FILE* pipe = popen(command.c_str(), "r");
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) probed.output += static_cast<char>(c);
  const int status = pclose(pipe);
  probed.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  probed.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return probed;
}

bool driver_here() { return access("/proc/driver/nvidia/version", F_OK) == 0; }

}  // namespace ergon
