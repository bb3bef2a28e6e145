// SPDX-License-Identifier: Apache-2.0
// A run as on GPUs, whose ranks are threads of this process: emulated kernels, the mock of NCCL, a watchdog a rank that ends the process:
//   device_probe RANK NUMBER ABORT RUN.toml KEY=VALUE...
// On the device of rank RANK the collective NUMBER never ends (-1: all end). ABORT: ends (ncclCommAbort works), hangs.
#include <unistd.h>

#include <cstdlib>

#include "configs/parse.hpp"
#include "launch/failure.hpp"
#include "launch/process_watchdog.hpp"
#include "parallel/plan/head_partition.hpp"
#include "parallel/plan/refusals.hpp"
#include "tests/parallel/nccl_mock.hpp"
#include "tests/support/inspecting_storage.hpp"
#include "trainer/kernels/device.hpp"
#include "trainer/loop.hpp"
#include "trainer/process.hpp"

namespace ergon {
namespace {

WatchdogHooks hooks_of_a_process() {
  WatchdogHooks hooks;
  hooks.say = [](const Error& error) { fmt::print(stderr, "ergon: error: {}\n", error.what()); };
  hooks.end = [](const Error& error) { _exit(static_cast<int>(error.code())); };
  return hooks;
}

int run(const RunConfig& config, NcclMock& mock) {
  const Mesh mesh = mesh_of(config.mesh);
  const int replicas = static_cast<int>(partition_heads(config.model.heads, config.model.kv_heads, mesh.size(Axis::tp), 0).kv_replicas);
  auto mail = make_local_mail(mesh.size());
  const std::string failed = on_mock(mock, mesh.size(), [&](auto context, auto host, Failures& failures) {
    prepare_process(1);
    const int rank = host->rank();
    const auto record = std::make_shared<FlightRecord>(rank);
    host->record(record);
    Watchdog watchdog(record, mesh.size(), std::move(mail[static_cast<std::size_t>(rank)]), limits_of(config.watchdog),
                      hooks_of_a_process());
    watchdog.on_abort([context, &mock, rank, limit = config.watchdog.abort] {
      const bool ended = context->abort_all(limit);
      fmt::print(stderr, "rank {}: {} communicators aborted, {}\n", rank, mock.aborts(rank), ended ? "in time" : "left behind");
    });
    Communicators communicators(mesh, host->split(0, rank, "world"), replicas, context->groups());
    test::InspectingStorage storage;
    LoopOptions options;
    options.watchdog = &watchdog;
    failures.expect(run_training(config, communicators, storage, options).code == ExitCode::ok, "the run reaches its target");
  });
  if (!failed.empty()) fmt::print(stderr, "{}", failed);
  return failed.empty() ? 0 : 1;
}

}  // namespace
}  // namespace ergon

int main(int argc, char** argv) {
  using namespace ergon;
  const std::vector<std::string> keys(argv + 5, argv + argc);
  return run_guarded(
      [&] {
        const RunConfig config = parse_run_config(argv[4], keys);
        const DeviceKernels kernels(*ergon_cuda_kernels(), nullptr);
        const DeviceRegistration registration(at::kCPU, kernels);
        NcclMock mock(mesh_of(config.mesh).size());
        mock.script(std::atoi(argv[1])).stands_still_at = std::atoi(argv[2]);
        for (int rank = 0; rank < mesh_of(config.mesh).size(); ++rank) mock.script(rank).abort_hangs = std::string(argv[3]) == "hangs";
        return run(config, mock);
      },
      [](int failed) { _exit(failed); });
}
