// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/device.hpp"

#include <ATen/ops/zeros.h>

#include "configs/error.hpp"
#include "tests/trainer/kernels/cuda/emulation/machine.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("kernels serve the tensors of a registered device for a scope, and only one set does") {
  const DeviceKernels kernels(*ergon_cuda_kernels(), nullptr);
  const at::Tensor x = at::zeros({3}), elsewhere = at::zeros({3}, at::TensorOptions().device(at::kMeta));
  CHECK(device_kernels(x) == nullptr);
  {
    const DeviceRegistration registration(at::kCPU, kernels);
    CHECK(device_kernels(x) == &kernels);
    CHECK(device_kernels(elsewhere) == nullptr);
    CHECK_THROWS_AS(DeviceRegistration(at::kCPU, kernels), Bug);
    CHECK(device_kernels(x) == &kernels);
  }
  CHECK(device_kernels(x) == nullptr);
  const DeviceRegistration again(at::kCPU, kernels);
  CHECK(device_kernels(x) == &kernels);
}

TEST_CASE("a table of another version, and a device without BLAS, are refused with the cure") {
  ErgonKernelTable old = *ergon_cuda_kernels();
  old.version = 0;
  CHECK_THROWS_WITH(DeviceKernels(old, nullptr), Catch::Contains("kernels of version 0, this program wants version 1"));
  emulation::plan_error(cudaErrorMemoryAllocation);
  CHECK_THROWS_WITH(DeviceKernels(*ergon_cuda_kernels(), nullptr),
                    Catch::Contains("blas_create failed: the cuBLAS library was not initialized"));
}

TEST_CASE("a kernel's error code becomes an Error with the table's words, and scratch is given back") {
  const DeviceKernels kernels(*ergon_cuda_kernels(), nullptr);
  const at::Tensor x = at::zeros({70000});
  const std::int64_t allocations = emulation::live_allocations();
  for (const int calls : {1, 2, 3, 4}) {
    emulation::plan_error(cudaErrorLaunchFailure, calls);
    try {
      kernels.squared_sum(x);
      FAIL("no error after " << calls << " calls");
    } catch (const Error& error) {
      CHECK(error.problem() == "the device kernel squared_sum failed: unspecified launch failure (code 719)");
      CHECK(error.code() == ExitCode::world);
    }
    CHECK(emulation::live_allocations() == allocations);
  }
  emulation::plan_error(cudaErrorMemoryAllocation);
  CHECK_THROWS_WITH(kernels.all_finite(x), Catch::Contains("all_finite failed: out of memory"));
  CHECK(kernels.squared_sum(x) == 0.0);
}

TEST_CASE("device kernels know four types") {
  CHECK(device_dtype(at::zeros({1}, at::kFloat)) == ERGON_FLOAT32);
  CHECK(device_dtype(at::zeros({1}, at::kDouble)) == ERGON_FLOAT64);
  CHECK(device_dtype(at::zeros({1}, at::kBFloat16)) == ERGON_BFLOAT16);
  CHECK(device_dtype(at::zeros({1}, at::kLong)) == ERGON_INT64);
  CHECK_THROWS_AS(device_dtype(at::zeros({1}, at::kHalf)), Bug);
}
