// SPDX-License-Identifier: Apache-2.0
#include <ATen/ops/empty_strided.h>
#include <ATen/ops/zeros.h>

#include "tests/trainer/kernels/cuda/emulated.hpp"

using namespace ergon;
using namespace ergon::emulated;

TEST_CASE("emulated copies follow strides on both sides and convert between types with one rounding") {
  const DeviceKernels device(*ergon_cuda_kernels(), nullptr);
  for (const at::ScalarType to : {at::kDouble, at::kFloat, at::kBFloat16})
    for (const at::ScalarType from : {at::kDouble, at::kFloat, at::kBFloat16}) {
      const at::Tensor x = normals({5, 6, 7}, 1, from).transpose(0, 2).narrow(1, 2, 3), wide = garbage({7, 5, 9}, to),
                       y = wide.narrow(2, 3, 5).transpose(1, 2);
      const at::Tensor target = y.narrow(1, 0, 3), expected = garbage({7, 3, 5}, to);
      device.copy(target, x);
      expected.copy_(x);
      CHECK(at::equal(target, expected));
      CHECK(wide.narrow(2, 0, 3).isnan().all().item<bool>());
    }
  const at::Tensor numbers = at::zeros({3, 2}, at::kLong), copied = at::zeros({3, 2}, at::kLong).fill_(9),
                   scalar = at::zeros({}, at::kFloat), one = scalar + 1;
  device.copy(copied, numbers);
  CHECK(at::equal(copied, numbers));
  device.copy(scalar, one);
  CHECK(scalar.item<float>() == 1.0f);
  CHECK_THROWS_WITH(device.copy(copied, normals({3, 2}, 1)), Catch::Contains("does not take that type"));
  CHECK_THROWS_WITH(device.copy(at::zeros({1, 1, 1, 1, 1, 1, 1}), at::zeros({1, 1, 1, 1, 1, 1, 1})), Catch::Contains("a size is outside"));
}

TEST_CASE("emulated memory is allocated, filled, moved and released") {
  const ErgonKernelTable& table = *ergon_cuda_kernels();
  const std::int64_t before = emulation::live_allocations();
  void* memory = nullptr;
  const double sent[3] = {1.0, 2.0, 3.0};
  double received[3] = {};
  REQUIRE(table.allocate(&memory, sizeof sent, nullptr) == 0);
  CHECK(emulation::live_allocations() == before + 1);
  CHECK(table.upload(memory, sent, sizeof sent, nullptr) == 0);
  CHECK(table.zero(memory, 8, nullptr) == 0);
  CHECK(table.download(received, memory, sizeof received, nullptr) == 0);
  CHECK(received[0] == 0.0);
  CHECK(received[2] == 3.0);
  CHECK(table.release(memory, nullptr) == 0);
  CHECK(emulation::live_allocations() == before);
  emulation::plan_error(cudaErrorMemoryAllocation);
  CHECK(std::string(table.error_text(table.allocate(&memory, 8, nullptr))) == "out of memory");
}
