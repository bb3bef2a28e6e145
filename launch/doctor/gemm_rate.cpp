// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/gemm_rate.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "configs/clock.hpp"
#include "trainer/kernels/device.hpp"
#include "trainer/kernels/gemm.hpp"

namespace ergon {
namespace {

constexpr int products_a_round = 4;

// On a device a number is only known when everything before it on the stream is done.
void wait_for_stream(const at::Tensor& fence) {
  if (const DeviceKernels* kernels = device_kernels(fence)) kernels->squared_sum(fence);
}

}  // namespace

FlopsPerSecond gemm_rate(at::Device device, at::ScalarType dtype, std::int64_t size, Seconds limit) {
  const at::TensorOptions options = at::TensorOptions().dtype(dtype).device(device);
  const at::Tensor a = at::full({size, size}, 0.5, options), b = at::full({size, size}, 0.25, options),
                   c = at::zeros({size, size}, options), fence = at::zeros({1}, at::TensorOptions().dtype(at::kFloat).device(device));
  FlopAudit audit;
  const Gemm gemm(audit);
  const auto round = [&] {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < products_a_round; ++i) gemm(c, a, Transpose::no, b, Transpose::no);
    wait_for_stream(fence);
    return since(start).value;
  };
  round();  // kernels are loaded and chosen
  const Clock::time_point end = deadline_after(limit);
  double best = round();
  while (Clock::now() < end) best = std::min(best, round());
  const auto n = static_cast<double>(size);
  return {products_a_round * 2 * n * n * n / best};
}

FlopsPerSecond plugin_gemm_rate(const ErgonCudaPlugin& plugin, at::Device device, std::int64_t size, Seconds limit) {
  if (plugin.kernels == nullptr) return {0};
  const DeviceKernels kernels(*plugin.kernels, nullptr);
  const DeviceRegistration registration(device.type(), kernels);
  return gemm_rate(device, at::kBFloat16, size, limit);
}

}  // namespace ergon
