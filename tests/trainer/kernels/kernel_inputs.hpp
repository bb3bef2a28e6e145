// SPDX-License-Identifier: Apache-2.0
// Inputs for kernel tests, and comparison with autograd in fp64.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <limits>

#include "trainer/kernels/philox.hpp"

namespace ergon::test {

// N(0, 1), the same for a tag.
inline at::Tensor normals(at::IntArrayRef sizes, std::uint64_t tag, at::ScalarType dtype = at::kDouble) {
  at::Tensor x = at::empty(sizes, at::kDouble);
  const PhiloxKey key = philox_key(99, Stream::init);
  for (std::int64_t i = 0; i < x.numel(); ++i) x.data_ptr<double>()[i] = normal(key, tag, static_cast<std::uint64_t>(i));
  return x.to(dtype);
}

// Uninitialised memory stands in for what a kernel must overwrite.
inline at::Tensor garbage(at::IntArrayRef sizes, at::ScalarType dtype = at::kDouble) {
  return at::full(sizes, std::numeric_limits<double>::quiet_NaN(), dtype);
}

inline at::Tensor leaf(const at::Tensor& x) { return x.detach().to(at::kDouble).clone().set_requires_grad(true); }

// Of a - b, in fp64; equal infinities count as 0, a NaN as infinity.
inline double max_abs(const at::Tensor& a, const at::Tensor& b) {
  if (a.numel() == 0) return 0.0;
  const at::Tensor left = a.detach().to(at::kDouble), right = b.detach().to(at::kDouble);
  const double most = (left - right).abs().masked_fill(left == right, 0.0).max().item<double>();
  return most == most ? most : std::numeric_limits<double>::infinity();
}

// What a kernel that computes in dtype may differ from fp64.
inline double tolerance(at::ScalarType dtype) { return dtype == at::kDouble ? 1e-12 : 2e-5; }

}  // namespace ergon::test
