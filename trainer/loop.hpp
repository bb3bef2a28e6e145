// SPDX-License-Identifier: Apache-2.0
// A training run from its configuration to its result: begins or resumes, steps, evaluates, books, saves, stops when asked.
//
// Order at a step boundary, so that nothing is lost and nothing is counted twice: step event, evaluation, ledger line, checkpoint.
#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <span>
#include <string>

#include "accounting/ledger.hpp"
#include "configs/clock.hpp"
#include "configs/run_config.hpp"
#include "parallel/communicators.hpp"
#include "parallel/watchdog.hpp"
#include "trainer/attempt.hpp"
#include "trainer/gemm_choice.hpp"
#include "trainer/monitor.hpp"
#include "trainer/run_folder.hpp"
#include "trainer/stop.hpp"
#include "trainer/storage.hpp"
#include "trainer/time_limit.hpp"

namespace ergon {

struct LoopOptions {
  ResumeOptions resume;
  std::string binary, cpu;                                                            // identities: bitwise continuation needs equal ones
  at::Device device = at::kCPU;                                                       // of the run's tensors; its kernels are registered
  PendingStop pending_stop = [] { return StopRequest::none; };                        // signals of this process
  std::optional<TimeLimit::WallClock::time_point> end = {};                           // of the time given to this run; asked on rank 0
  std::optional<Clock::time_point> process_start = {};                                // none: the run begins with its first attempt
  AllocationStamp allocation = {{}, 0, "", 0, {}, {}};                                // all but `started`; places 0: the ranks of the mesh
  Watchdog* watchdog = nullptr;                                                       // of this rank; null: none
  GemmTimer time_gemm = {};                                                           // rank 0; null: runs use "mkl" unless told otherwise
  LockTiming lock = {};                                                               // of the run folder's lock
  RunMonitor* monitor = nullptr;                                                      // rank 0; null: silent
  std::function<void(std::int64_t sample, std::span<std::uint8_t>)> label_mask = {};  // for tests: labels that the loss ignores
};

// Collective over the mesh of `communicators`. Every rank returns the same result; the exit code is in it. Throws Error and Bug as its
// parts do.
RunResult run_training(RunConfig config, Communicators& communicators, Storage& storage, const LoopOptions& options);

}  // namespace ergon
