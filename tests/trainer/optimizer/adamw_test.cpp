// SPDX-License-Identifier: Apache-2.0
#include "trainer/optimizer/adamw.hpp"

#include <ATen/ops/zeros.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "tests/trainer/kernels/kernel_inputs.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {
at::Tensor from(const std::vector<double>& values, at::ScalarType dtype) {
  at::Tensor x = at::zeros({static_cast<std::int64_t>(values.size())}, at::kDouble);
  std::copy(values.begin(), values.end(), x.data_ptr<double>());
  return x.to(dtype);
}
}  // namespace

TEST_CASE("AdamW follows torch.optim.AdamW step by step") {
  const char* source = std::getenv("ERGON_SOURCE");
  std::ifstream file(std::string(source ? source : ".") + "/tests/golden/adamw.json");
  REQUIRE(file);
  const auto golden = nlohmann::json::parse(file);
  const auto& s = golden["settings"];
  const AdamW settings{s["lr"], s["beta1"], s["beta2"], s["epsilon"], s["weight_decay"]};
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat})
    for (const double gradient_scale : {1.0, 0.5}) {
      const at::Tensor p = from(golden["start"], dtype), m = at::zeros_like(p), v = at::zeros_like(p);
      std::int64_t step = 0;
      for (const auto& gradient : golden["gradients"]) {
        adamw_update(p, from(gradient, dtype) / gradient_scale, m, v, settings, gradient_scale, step + 1);
        CHECK(max_abs(p, from(golden["after"][static_cast<std::size_t>(step)], at::kDouble)) <= (dtype == at::kDouble ? 1e-14 : 1e-6));
        ++step;
      }
      CHECK(step == 5);
    }
}

TEST_CASE("every element of a long range is updated once, whatever the threads") {
  const std::int64_t n = 100003;
  const at::Tensor p = normals({n}, 1, at::kFloat), g = normals({n}, 2, at::kFloat), m = at::zeros({n}, at::kFloat),
                   v = at::zeros({n}, at::kFloat);
  const at::Tensor before = p.clone();
  adamw_update(p, g, m, v, {0.01, 0.9, 0.95, 0.0, 0.0}, 1.0, 1);
  CHECK(max_abs(p, before - 0.01 * g.sign()) <= 1e-6);  // the first step of Adam is lr times the sign
  CHECK(max_abs(m, g * 0.1) <= 1e-6);
  CHECK_THROWS_AS(adamw_update(p, g, m, v, {}, 1.0, 0), Bug);
  CHECK_THROWS_AS(adamw_update(p, g.narrow(0, 0, 5), m, v, {}, 1.0, 1), Bug);
}

TEST_CASE("beside bfloat16 weights the float master is updated as without them, and they become its nearest values") {
  const std::int64_t n = 1003;
  const at::Tensor p = normals({n}, 1, at::kFloat), g = normals({n}, 2, at::kFloat), m = at::zeros({n}, at::kFloat),
                   v = at::zeros({n}, at::kFloat), weight = garbage({n}, at::kBFloat16);
  const at::Tensor alone = p.clone(), m2 = m.clone(), v2 = v.clone();
  // Steps of 1e-4 are below what bfloat16 resolves near 1: weights that kept no master would stand still.
  for (int step = 1; step <= 20; ++step) {
    adamw_update(p, g, m, v, {1e-4, 0.9, 0.95, 1e-8, 0.1}, 0.5, step, weight);
    adamw_update(alone, g, m2, v2, {1e-4, 0.9, 0.95, 1e-8, 0.1}, 0.5, step);
    CHECK(weight.equal(p.to(at::kBFloat16)));
  }
  CHECK(p.equal(alone));
  CHECK(m.equal(m2));
  CHECK(v.equal(v2));
  CHECK(max_abs(p, normals({n}, 1, at::kFloat)) > 1e-3);
}
