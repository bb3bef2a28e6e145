// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/diagnosis.hpp"

#include <fmt/format.h>

#include "accounting/report/figures.hpp"

namespace ergon {
namespace {

constexpr Bytes mebibytes(std::int64_t count) { return {count << 20}; }
constexpr Bytes gibibytes(std::int64_t count) { return {count << 30}; }

Finding compiler(const Machine& machine) {
  Finding finding{"compiler", Condition::good, fmt::format("{}, {} build", machine.compiler, machine.build_type), ""};
  if (machine.build_type != "Release" && machine.build_type != "RelWithDebInfo") {
    finding.condition = Condition::note;
    finding.cure = "for speed build the preset release: launch/build.sh release";
  }
  return finding;
}

Finding mpi(const Machine& machine) {
  static constexpr const char* levels[] = {"single", "funneled", "serialized", "multiple"};
  Finding finding{"mpi", Condition::good, "", ""};
  finding.found = fmt::format("{}, thread level {}", machine.mpi_version, levels[static_cast<int>(machine.mpi_threads)]);
  if (machine.mpi_threads != MpiThreads::multiple) {
    finding.condition = Condition::broken;
    finding.cure = "Ergon needs MPI_THREAD_MULTIPLE: use an MPI built with it, as the distribution's Open MPI is, and build again";
  }
  return finding;
}

Finding mpirun(const Machine& machine) {
  if (machine.launcher.mpirun.empty())
    return {"mpirun", Condition::poor, "not on PATH: one rank only", "apt-get install openmpi-bin, or load your site's MPI module"};
  if (machine.launcher.root && !machine.launcher.root_allowed)
    return {"mpirun", Condition::note, machine.launcher.mpirun + ", which refuses to start as root",
            "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1, or run as another user"};
  return {"mpirun", Condition::good, machine.launcher.mpirun, ""};
}

Finding hdf5(const Machine& machine) {
  if (machine.hdf5_thread_safe) return {"hdf5", Condition::good, machine.hdf5_version + ", thread-safe", ""};
  return {"hdf5", Condition::broken, machine.hdf5_version + ", not thread-safe",
          "the serial HDF5 of the distribution is: install libhdf5-dev, not an MPI build, and build again"};
}

Finding torch(const Machine& machine) {
  return {"torch", Condition::good,
          fmt::format("{} in {}, {} threads, {}", machine.torch_version, machine.torch_folder, machine.torch_threads,
                      machine.torch_instructions),
          ""};
}

Finding nccl(const Machine& machine) {
  if (!machine.nccl_version.empty()) return {"nccl", Condition::good, machine.nccl_version, ""};
  Finding finding{"nccl", Condition::note, "missing: " + machine.nccl_problem,
                  "needed for GPUs only: launch/setup.sh --cuda (ERGON_CUDA=on), then build again"};
  if (machine.gpus > 0) finding.condition = Condition::poor;
  return finding;
}

// Nothing here is broken: a machine without GPUs trains on its CPU.
Finding cuda(const Machine& machine) {
  const Condition missing = machine.gpus > 0 ? Condition::poor : Condition::note;
  if (machine.cuda_part.empty()) return {"cuda", missing, machine.cuda_problem, machine.cuda_cure};
  if (machine.cuda_devices.empty())
    return {"cuda", missing, fmt::format("libergon_cuda.so ({}); {}", machine.cuda_part, machine.cuda_problem), machine.cuda_cure};
  return {"cuda", Condition::good, fmt::format("libergon_cuda.so ({}); {}", machine.cuda_part, machine.cuda_devices), ""};
}

Finding gpus(const Machine& machine) {
  if (machine.gpus == 0 && machine.gpu_driver.empty()) return {"gpus", Condition::note, "none", "runs use device = \"cpu\""};
  if (machine.gpus == 0)
    return {"gpus", Condition::poor, fmt::format("a driver, but no device ({})", machine.gpu_driver),
            "give the container or the job its GPUs: --gpus all, --gres=gpu:N"};
  const std::string found = fmt::format("{} ({})", machine.gpus, machine.gpu_driver);
  if (machine.cuda_devices.empty()) return {"gpus", Condition::note, found, "runs use device = \"cpu\" until the part cuda is mended"};
  return {"gpus", Condition::good, found, ""};
}

Finding cores(const Machine& machine) {
  Finding finding{"cores", Condition::good, fmt::format("{}, of which {} usable here", machine.cores, machine.cores_usable), ""};
  if (machine.cores_usable < machine.cores) {
    finding.condition = Condition::note;
    finding.cure = "affinity or a control group holds the rest back: ranks x run.threads should not exceed the usable cores";
  }
  return finding;
}

Finding memory(const Machine& machine) {
  Finding finding{"memory", Condition::good,
                  fmt::format("{}, of which {} free", rounded_bytes(machine.memory), rounded_bytes(machine.memory_available)), ""};
  if (machine.memory_available < gibibytes(1)) {
    finding.condition = Condition::poor;
    finding.cure = "each rank needs about 0.3 GiB before the model: end other programs or use fewer ranks";
  }
  return finding;
}

Finding disk(const Machine& machine) {
  Finding finding{"disk", Condition::good, fmt::format("{} free in {}", rounded_bytes(machine.disk_free), machine.folder), ""};
  if (machine.disk_free < mebibytes(64)) {
    finding.condition = Condition::broken;
    finding.cure = "no checkpoint fits: make room, or set run.folder to another file system";
  } else if (machine.disk_free < gibibytes(1)) {
    finding.condition = Condition::poor;
    finding.cure = "checkpoints take 12 bytes a parameter each (float32): make room, lower checkpoint.keep, or move run.folder";
  }
  return finding;
}

Finding shared_memory(const Machine& machine) {
  Finding finding{"shared memory", Condition::good, rounded_bytes(machine.shared_memory) + " in /dev/shm", ""};
  if (machine.shared_memory < mebibytes(64)) {
    finding.condition = Condition::poor;
    finding.cure = "ranks of one machine talk through it: mount -o remount,size=1g /dev/shm, in a container --shm-size=1g";
  }
  return finding;
}

}  // namespace

std::vector<Finding> diagnose(const Machine& machine) {
  return {compiler(machine), mpi(machine),  mpirun(machine), hdf5(machine),   torch(machine), nccl(machine),
          cuda(machine),     gpus(machine), cores(machine),  memory(machine), disk(machine),  shared_memory(machine)};
}

const char* name(Condition condition) {
  static constexpr const char* names[] = {"good", "note", "poor", "broken"};
  return names[static_cast<int>(condition)];
}

}  // namespace ergon
