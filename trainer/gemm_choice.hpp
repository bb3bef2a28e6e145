// SPDX-License-Identifier: Apache-2.0
// Which GEMM library a run uses: the one it used before, the one that was asked for, or the fastest on the run's own products. Decided by
// rank 0 at start, the same on every rank; stored with the run.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "configs/run_config.hpp"
#include "parallel/communicator.hpp"
#include "trainer/kernels/gemm_probe.hpp"

namespace ergon {

// The matrix products of one rank's step on a mesh of `tp` (rank 0's part), the heaviest first. Their FLOPs times count sum to the step's
// GEMM FLOPs where tp divides everything evenly.
std::vector<GemmProduct> step_products(const RunConfig& config, std::int64_t tp);

// Runs a probe, in a process of its own (a library's threads and MKL's kernels are chosen once a process). Empty: it failed or took too
// long, and the library is out of the race. Null: nobody can time, and runs use default_gemm_library.
using GemmTimer = std::function<std::vector<double>(const GemmProbe&)>;

struct GemmChoice {
  std::string library = "mkl";
  std::string reason;    // one line for the log
  Seconds seconds = {};  // spent measuring; 0: nothing was measured
};

// The fastest of gemm_candidates on the run's products, compared on those that all of them finished. `work`: FLOPs that the run still has
// to multiply on this rank; measuring is skipped where it could not pay.
GemmChoice measure_gemm(const RunConfig& config, std::int64_t tp, double work, const GemmTimer& timer);

// Collective. recorded: the choice of the attempt before, if any.
GemmChoice choose_gemm(const RunConfig& config, std::int64_t tp, double work, const std::optional<std::string>& recorded,
                       const GemmTimer& timer, Communicator& control);

}  // namespace ergon
