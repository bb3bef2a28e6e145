// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/dropout.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>

#include "configs/error.hpp"
#include "tests/trainer/kernels/kernel_inputs.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {
at::Tensor positions(std::int64_t batch, std::int64_t first, std::int64_t count) {
  return at::arange(first, first + count, at::kLong).expand({batch, count}).contiguous();
}
}  // namespace

TEST_CASE("dropout keeps 1 - p of the elements, scaled, and its backward uses the same mask") {
  const Dropout d{0.25, 1, 3, 2, DropoutSite::residual_mlp, 0, 64};
  const at::Tensor ones = at::full({4, 64, 300}, 1.0, at::kFloat), y = garbage({4, 64, 300}, at::kFloat),
                   again = garbage({4, 64, 300}, at::kFloat);
  dropout_apply(y, ones, positions(4, 0, 64), d);
  CHECK(y.mean().item<double>() == Approx(1.0).epsilon(0.02));
  CHECK(((y == 0.0) + (y == static_cast<float>(1.0 / 0.75))).all().item<bool>());
  dropout_apply(again, ones, positions(4, 0, 64), d);
  CHECK(at::equal(y, again));
}

TEST_CASE("the mask of an element is a function of its global index alone") {
  const Dropout whole{0.5, 1, 3, 2, DropoutSite::residual_attention, 0, 16};
  const at::Tensor ones = at::full({4, 16, 20}, 1.0, at::kDouble), y = garbage({4, 16, 20});
  dropout_apply(y, ones, positions(4, 0, 16), whole);
  // Samples 2..3, positions 8..15: as on a mesh with dp = 2 and cp = 2.
  Dropout part = whole;
  part.first_sample = 2;
  const at::Tensor piece = garbage({2, 8, 20});
  dropout_apply(piece, at::full({2, 8, 20}, 1.0, at::kDouble), positions(2, 8, 8), part);
  CHECK(at::equal(piece, y.narrow(0, 2, 2).narrow(1, 8, 8)));
  // Another step, layer, site, or seed is another mask.
  for (int change = 0; change < 4; ++change) {
    Dropout other = whole;
    if (change == 0) other.step = 4;
    if (change == 1) other.layer = 3;
    if (change == 2) other.site = DropoutSite::residual_mlp;
    if (change == 3) other.seed = 2;
    const at::Tensor z = garbage({4, 16, 20});
    dropout_apply(z, ones, positions(4, 0, 16), other);
    CHECK_FALSE(at::equal(z, y));
  }
}

TEST_CASE("dropout, bias and residual in one pass") {
  const at::Tensor x = normals({2, 8, 530}, 1), residual = normals({2, 8, 530}, 2), bias = normals({530}, 3), mask = garbage({2, 8, 530}),
                   y = garbage({2, 8, 530});
  const Dropout d{0.1, 1, 3, 2, DropoutSite::residual_mlp, 0, 8};
  dropout_apply(mask, at::full({2, 8, 530}, 1.0, at::kDouble), positions(2, 0, 8), d);
  dropout_add(y, residual, x, bias, positions(2, 0, 8), d);
  CHECK(max_abs(y, residual + (x + bias) * mask) <= 1e-14);
  Dropout none = d;
  none.p = 0.0;
  dropout_add(y, residual, x, {}, positions(2, 0, 8), none);
  CHECK(max_abs(y, residual + x) == 0.0);
  const at::Tensor in_place = residual.clone();
  dropout_add(in_place, in_place, x, {}, positions(2, 0, 8), none);
  CHECK(max_abs(in_place, y) == 0.0);
}

TEST_CASE("attention dropout is a function of global indices") {
  AttentionDropout d{0.5, 1, 3, 2, 0, 0, 4, 16};
  int kept = 0;
  for (int i = 0; i < 4000; ++i) kept += attention_dropout_factor(d, i / 1000, i % 4, (i / 4) % 16, i % 13) > 0.0;
  CHECK(kept > 1800);
  CHECK(kept < 2200);
  d.p = 0.0;
  CHECK(attention_dropout_factor(d, 0, 0, 0, 0) == 1.0);
}

TEST_CASE("a run whose counters would overflow is refused by name") {
  ModelShape shape;
  shape.dropout = 0.1;
  CHECK_NOTHROW(check_dropout_counters(shape, 512, 1000000));
  CHECK_THROWS_WITH(check_dropout_counters(shape, 512, std::int64_t{1} << 32), Catch::Matchers::Contains("train.steps"));
  CHECK_THROWS_WITH(check_dropout_counters(shape, std::int64_t{1} << 56, 10), Catch::Matchers::Contains("activations"));
  shape.sequence = std::int64_t{1} << 26;
  shape.width = 1;
  CHECK_THROWS_WITH(check_dropout_counters(shape, 512, 10), Catch::Matchers::Contains("attention pairs"));
  shape.layers = std::int64_t{1} << 29;
  CHECK_THROWS_WITH(check_dropout_counters(shape, 1, 10), Catch::Matchers::Contains("model.layers"));
  shape.dropout = 0.0;
  CHECK_NOTHROW(check_dropout_counters(shape, std::int64_t{1} << 60, std::int64_t{1} << 40));
}
