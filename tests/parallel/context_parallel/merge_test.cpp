// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/merge.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <limits>

#include "tests/trainer/kernels/kernel_inputs.hpp"
#include "trainer/arena.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

at::Tensor lse_of(double value) { return at::full({1, 1, 1}, value, at::kDouble); }
at::Tensor out_of(double value) { return at::full({1, 1, 1, 1}, value, at::kDouble); }

void merge(const at::Tensor& out, const at::Tensor& lse, const at::Tensor& block_out, const at::Tensor& block_lse,
           const at::Tensor& difference, const at::Tensor& weight) {
  Arena memory;
  merge_attention(Views(memory), out, lse, block_out, block_lse, difference, weight);
}

struct Row {
  double out, lse;
};
Row merged(Row a, Row b) {
  const at::Tensor out = out_of(a.out), lse = lse_of(a.lse);
  const at::Tensor scratch = lse_of(NAN);
  merge(out, lse, out_of(b.out), lse_of(b.lse), scratch, scratch);
  return {out.item<double>(), lse.item<double>()};
}

}  // namespace

TEST_CASE("merge: two sets of keys weigh by their sums of exponentials") {
  const Row both = merged({2.0, std::log(3.0)}, {10.0, std::log(1.0)});
  CHECK(both.out == Approx((3 * 2.0 + 1 * 10.0) / 4).epsilon(1e-15));
  CHECK(both.lse == Approx(std::log(4.0)).epsilon(1e-15));
}

TEST_CASE("merge: log-sum-exps of any size and distance neither overflow nor lose the larger set") {
  for (const double base : {-3e4, 0.0, 3e4}) {
    CHECK(merged({2.0, base}, {10.0, base + 2000}).out == 10.0);
    CHECK(merged({2.0, base}, {10.0, base - 2000}).out == 2.0);
    CHECK(merged({2.0, base}, {10.0, base + 2000}).lse == base + 2000);
    CHECK(merged({2.0, base}, {10.0, base}).out == Approx(6.0).epsilon(1e-15));
  }
}

TEST_CASE("merge: rows that see no key on either side, or on both") {
  const Row left = merged({2.0, 1.0}, {0.0, -infinity}), right = merged({0.0, -infinity}, {10.0, 1.0}),
            neither = merged({0.0, -infinity}, {0.0, -infinity});
  CHECK((left.out == 2.0 && left.lse == 1.0));
  CHECK((right.out == 10.0 && right.lse == 1.0));
  CHECK((neither.out == 0.0 && neither.lse == -infinity));
}

TEST_CASE("merge: what is not a number stays one") {
  CHECK(std::isnan(merged({NAN, NAN}, {10.0, 1.0}).out));
  CHECK(std::isnan(merged({2.0, 1.0}, {NAN, NAN}).out));
}

TEST_CASE("merge: outputs in float, log-sum-exps in double that a float could not tell apart") {
  const at::Tensor out = out_of(2.0).to(at::kFloat), lse = lse_of(30.0);
  for (int i = 0; i < 1000; ++i)
    merge(out, lse, out_of(2.0).to(at::kFloat), lse_of(30.0 - std::log(1e6)), lse_of(NAN), lse_of(NAN).to(at::kFloat));
  CHECK(out.item<float>() == 2.0f);
  CHECK(lse.item<double>() == Approx(30.0 + std::log1p(1e-3)).epsilon(1e-14));
}

TEST_CASE("merge: each row of each head by itself, in views of larger tensors, whatever the order of merging") {
  const at::Tensor out = normals({2, 6, 3, 4}, 1), lse = normals({2, 3, 6}, 2), more = normals({2, 4, 3, 4}, 3),
                   more_lse = normals({2, 3, 4}, 4);
  at::Tensor once = out.clone(), once_lse = lse.clone(), whole_more = at::zeros({2, 6, 3, 4}, at::kDouble),
             whole_more_lse = at::full({2, 3, 6}, -infinity, at::kDouble);
  whole_more.narrow(1, 2, 4).copy_(more);
  whole_more_lse.narrow(2, 2, 4).copy_(more_lse);
  merge(once.narrow(1, 2, 4), once_lse.narrow(2, 2, 4), more.clone(), more_lse, garbage({2, 3, 4}), garbage({2, 3, 4}));
  at::Tensor other = whole_more.clone(), other_lse = whole_more_lse.clone();
  merge(other, other_lse, out.clone(), lse, garbage({2, 3, 6}), garbage({2, 3, 6}));
  CHECK(max_abs(once, other) <= 1e-15);
  CHECK(max_abs(once_lse, other_lse) <= 1e-15);
  for (std::int64_t b = 0; b < 2; ++b)
    for (std::int64_t t = 2; t < 6; ++t)
      for (std::int64_t h = 0; h < 3; ++h) {
        const double x = std::exp(lse[b][h][t].item<double>()), y = std::exp(more_lse[b][h][t - 2].item<double>());
        const at::Tensor expected = (out[b][t][h] * x + more[b][t - 2][h] * y) / (x + y);
        CHECK(max_abs(once[b][t][h], expected) <= 1e-14);
      }
  CHECK(max_abs(once.narrow(1, 0, 2), out.narrow(1, 0, 2)) == 0);
}
