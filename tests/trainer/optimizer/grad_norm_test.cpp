// SPDX-License-Identifier: Apache-2.0
#include "trainer/optimizer/grad_norm.hpp"

#include <limits>

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {
ParameterSpec spec(const char* name, Extents extent, Extents local, bool counts) {
  ParameterSpec s;
  s.name = name;
  s.global_shape = extent;
  s.box = whole(extent);
  s.local_shape = std::move(local);
  s.counts_here = counts;
  return s;
}
}  // namespace

TEST_CASE("the norm counts real elements of the parameters that count here") {
  ParameterStore store({spec("embedding", {3, 2}, {4, 2}, true), spec("norm", {5}, {5}, false), spec("matrix", {2, 2}, {2, 2}, true)}, {},
                       at::kFloat, at::kCPU, 1);
  store.gradient(0).fill_(2.0);  // 6 real elements, 2 of padding
  store.gradient(1).fill_(100.0);
  store.gradient(2).fill_(3.0);
  CHECK(squared_gradient_norm(store) == 6 * 4.0 + 4 * 9.0);
}

TEST_CASE("clipping scales down to the limit, and only down") {
  CHECK(clip_scale(2.0, 1.0) == 0.5);
  CHECK(clip_scale(0.5, 1.0) == 1.0);
  CHECK(clip_scale(1e9, 0.0) == 1.0);
  CHECK(clip_scale(std::numeric_limits<double>::infinity(), 1.0) == 1.0);
  CHECK(clip_scale(std::numeric_limits<double>::quiet_NaN(), 1.0) == 1.0);
}
