// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/gemm_rate.hpp"

#include "configs/error.hpp"
#include "tests/trainer/kernels/cuda/emulation/machine.hpp"
#include "trainer/kernels/device.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("gemm_rate: the host multiplies at a rate between that of a slide rule and that of a planet") {
  const double rate = gemm_rate(at::kCPU, at::kFloat, 64, {0}).value;
  CHECK(rate > 1e5);
  CHECK(rate < 1e16);
}

TEST_CASE("gemm_rate: a plugin's kernels are used, and waited for") {
  ErgonCudaPlugin plugin{};
  CHECK(plugin_gemm_rate(plugin, at::kCPU, 16, {0}).value == 0);
  plugin.kernels = ergon_cuda_kernels();
  CHECK(plugin_gemm_rate(plugin, at::kCPU, 16, {0}).value > 0);
  CHECK(device_kernels(at::kCPU) == nullptr);  // no longer registered
  for (const int calls : {2, 6}) {             // a product, and the number that is waited for
    emulation::plan_error(cudaErrorLaunchFailure, calls);
    CHECK_THROWS_AS(plugin_gemm_rate(plugin, at::kCPU, 16, {0}), Error);
  }
}
