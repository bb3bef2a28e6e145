// SPDX-License-Identifier: Apache-2.0
// The CUDA kernels, emulated, against the host's kernels: one body runs on both sides, the host's in fp64 on inputs rounded to the type
// under test.
#pragma once

#include <ATen/ops/equal.h>

#include <functional>
#include <limits>
#include <vector>

#include "configs/error.hpp"
#include "tests/trainer/kernels/cuda/emulation/machine.hpp"
#include "tests/trainer/kernels/kernel_inputs.hpp"
#include "trainer/kernels/device.hpp"

#include "tests/support/catch.hpp"

namespace ergon::emulated {

using test::garbage;
using test::normals;

inline at::ScalarType accumulator_of(at::ScalarType c) { return c == at::kDouble ? at::kDouble : at::kFloat; }

// One side of a comparison. Inputs hold the same values on both.
struct Side {
  const DeviceKernels* device;  // null: the host
  at::ScalarType c, rounded;    // the compute type here, and the one that inputs were rounded to
  at::ScalarType a() const { return accumulator_of(c); }
  at::Tensor input(at::IntArrayRef sizes, std::uint64_t tag, double factor = 1.0, double shift = 0.0) const {
    return (normals(sizes, tag) * factor + shift).to(rounded).to(c);
  }
  at::Tensor input_a(at::IntArrayRef sizes, std::uint64_t tag) const { return normals(sizes, tag).to(accumulator_of(rounded)).to(a()); }
  at::Tensor result(at::IntArrayRef sizes) const { return garbage(sizes, c); }
  at::Tensor result_a(at::IntArrayRef sizes) const { return garbage(sizes, a()); }
};

// Outside one rounding of its type (fp64: 1e-12; fp32: 2e-5; bfloat16: 2^-8 of the value); 0 when inside.
inline double excess(const at::Tensor& got, const at::Tensor& expected) {
  if (got.numel() == 0) return 0.0;
  const at::Tensor g = got.to(at::kDouble), e = expected.to(at::kDouble), same = (g == e) | (g.isnan() & e.isnan());
  const bool brief = got.scalar_type() == at::kBFloat16;
  const at::Tensor allowed = brief ? e.abs() * 0x1p-8 + 2e-5 : (e.abs() + 1.0) * (got.scalar_type() == at::kDouble ? 1e-12 : 2e-5);
  const double most = ((g - e).abs() - allowed).masked_fill(same, 0.0).max().item<double>();
  return most == most ? std::max(most, 0.0) : std::numeric_limits<double>::infinity();
}

using Body = std::function<std::vector<at::Tensor>(const Side&)>;

// In each type: equal to the host, the same bits whatever the order of threads, and no scratch left behind.
inline void compare(const Body& body) {
  const DeviceKernels device(*ergon_cuda_kernels(), nullptr);
  const std::int64_t allocations = emulation::live_allocations();
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
    INFO("type " << c10::toString(type));
    const std::vector<at::Tensor> expected = body({nullptr, at::kDouble, type}), got = body({&device, type, type});
    const emulation::OrderScope order(emulation::Order::backwards);
    const std::vector<at::Tensor> again = body({&device, type, type});
    for (std::size_t i = 0; i < expected.size(); ++i) {
      INFO("result " << i);
      CHECK(excess(got[i], expected[i]) == 0.0);
      CHECK(at::equal(got[i].nan_to_num(7.0), again[i].nan_to_num(7.0)));
    }
  }
  CHECK(emulation::live_allocations() == allocations);
}

}  // namespace ergon::emulated
