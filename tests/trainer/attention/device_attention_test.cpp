// SPDX-License-Identifier: Apache-2.0
// Its kernels are compared with the oracle in tests/trainer/kernels/cuda; here, the plans that it keeps.
#include "trainer/attention/device_attention.hpp"

#include "configs/error.hpp"
#include "tests/trainer/attention/attention_oracle.hpp"
#include "tests/trainer/kernels/cuda/emulation/machine.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

double error_of(const DeviceAttention& kernel, std::int64_t positions) {
  AttentionCase c{"causal", 1, 2, 1, 4, causal_mask(positions), {}, 1.0};
  const AttentionData data = attention_data(c);
  const AttentionAnswer expected = oracle(c, data);
  return worst(run_kernel(kernel, c, data, expected, at::kDouble).answer, expected);
}

}  // namespace

TEST_CASE("device attention sends the plan of a mask once, keeps those last used and gives them back") {
  const DeviceKernels kernels(*ergon_cuda_kernels(), nullptr);
  const std::int64_t before = emulation::live_allocations();
  {
    const DeviceAttention kernel(kernels);
    CHECK(error_of(kernel, 5) <= 1e-12);
    CHECK(error_of(kernel, 5) <= 1e-12);
    CHECK(emulation::live_allocations() == before + 1);
    for (std::int64_t positions = 6; positions < 30; ++positions) CHECK(error_of(kernel, positions) <= 1e-12);
    CHECK(emulation::live_allocations() == before + 25);
    CHECK(error_of(kernel, 5) <= 1e-12);
    CHECK(emulation::live_allocations() == before + 25);
  }
  CHECK(emulation::live_allocations() == before);
}

TEST_CASE("device attention names the failure of its transfers and keeps nothing of them") {
  const DeviceKernels kernels(*ergon_cuda_kernels(), nullptr);
  const DeviceAttention kernel(kernels);
  const std::int64_t before = emulation::live_allocations();
  emulation::plan_error(cudaErrorMemoryAllocation);
  CHECK_THROWS_WITH(error_of(kernel, 5), Catch::Contains("allocate failed: out of memory"));
  emulation::plan_error(cudaErrorLaunchFailure, 1);
  CHECK_THROWS_WITH(error_of(kernel, 5), Catch::Contains("upload failed: unspecified launch failure"));
  CHECK(emulation::live_allocations() == before);
  emulation::plan_error(cudaErrorLaunchFailure, 2);
  CHECK_THROWS_WITH(error_of(kernel, 5), Catch::Contains("attention_forward failed"));
  CHECK(error_of(kernel, 5) <= 1e-12);
}
