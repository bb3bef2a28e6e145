// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/diagnosis.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

Machine sound_machine() {
  Machine machine;
  machine.compiler = "GNU 12.2.0";
  machine.build_type = "Release";
  machine.mpi_version = "Open MPI v4.1.4";
  machine.mpi_threads = MpiThreads::multiple;
  machine.launcher.mpirun = "/usr/bin/mpirun";
  machine.hdf5_version = "1.10.8";
  machine.hdf5_thread_safe = true;
  machine.torch_version = "2.11.0";
  machine.nccl_version = "2.28.9";
  machine.cuda_part = "CUDA 13.0, sm 80 90 100";
  machine.cuda_devices = "2 x Planted, driver 580.65";
  machine.cores = machine.cores_usable = 8;
  machine.memory = {16LL << 30};
  machine.memory_available = {8LL << 30};
  machine.disk_free = {100LL << 30};
  machine.shared_memory = {8LL << 30};
  return machine;
}

Finding finding_of(const Machine& machine, const std::string& part) {
  for (const Finding& finding : diagnose(machine))
    if (finding.part == part) return finding;
  FAIL("no finding for " << part);
  return {};
}

}  // namespace

TEST_CASE("a sound machine without GPUs has nothing wrong") {
  for (const Finding& finding : diagnose(sound_machine())) {
    INFO(finding.part << ": " << finding.found);
    CHECK(finding.condition <= Condition::note);
    CHECK_FALSE(finding.found.empty());
    if (finding.condition == Condition::good) CHECK(finding.cure.empty());
  }
  CHECK(finding_of(sound_machine(), "cuda").found == "libergon_cuda.so (CUDA 13.0, sm 80 90 100); 2 x Planted, driver 580.65");
  CHECK(finding_of(sound_machine(), "memory").found == "16.0 GiB, of which 8.0 GiB free");
}

TEST_CASE("each thing that can be wrong has its condition and its cure") {
  struct Case {
    const char* part;
    Condition condition;
    const char* cure;
    void (*spoil)(Machine&);
  };
  const Case cases[] = {
      {"compiler", Condition::note, "release", [](Machine& m) { m.build_type = "Debug"; }},
      {"mpi", Condition::broken, "MPI_THREAD_MULTIPLE", [](Machine& m) { m.mpi_threads = MpiThreads::funneled; }},
      {"mpirun", Condition::poor, "openmpi-bin", [](Machine& m) { m.launcher.mpirun.clear(); }},
      {"mpirun", Condition::note, "OMPI_ALLOW_RUN_AS_ROOT", [](Machine& m) { m.launcher.root = true; }},
      {"hdf5", Condition::broken, "libhdf5-dev", [](Machine& m) { m.hdf5_thread_safe = false; }},
      {"nccl", Condition::note, "ERGON_CUDA=on", [](Machine& m) { m.nccl_version.clear(); }},
      {"nccl", Condition::poor, "ERGON_CUDA=on", [](Machine& m) { m.nccl_version.clear(), m.gpus = 2; }},
      {"cuda", Condition::note, "the cure", [](Machine& m) { m.cuda_devices.clear(), m.cuda_cure = "the cure"; }},
      {"cuda", Condition::poor, "the cure", [](Machine& m) { m.cuda_part.clear(), m.gpus = 2, m.cuda_cure = "the cure"; }},
      {"gpus", Condition::poor, "--gres", [](Machine& m) { m.gpu_driver = "NVRM version: 580"; }},
      {"gpus", Condition::good, "", [](Machine& m) { m.gpus = 2; }},
      {"gpus", Condition::note, "cuda is mended", [](Machine& m) { m.gpus = 2, m.cuda_devices.clear(); }},
      {"cores", Condition::note, "run.threads", [](Machine& m) { m.cores_usable = 2; }},
      {"memory", Condition::poor, "fewer ranks", [](Machine& m) { m.memory_available = {1 << 29}; }},
      {"disk", Condition::poor, "checkpoint.keep", [](Machine& m) { m.disk_free = {1 << 29}; }},
      {"disk", Condition::broken, "make room", [](Machine& m) { m.disk_free = {1 << 20}; }},
      {"shared memory", Condition::poor, "--shm-size", [](Machine& m) { m.shared_memory = {1 << 20}; }},
  };
  for (const Case& wanted : cases) {
    Machine machine = sound_machine();
    wanted.spoil(machine);
    Finding finding = finding_of(machine, wanted.part);
    INFO(wanted.part << ": " << finding.found << " -> " << finding.cure);
    CHECK(finding.condition == wanted.condition);
    CHECK(finding.cure.find(wanted.cure) != std::string::npos);
  }
}
