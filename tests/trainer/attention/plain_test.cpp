// SPDX-License-Identifier: Apache-2.0
#include "trainer/attention/plain.hpp"

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "tests/trainer/attention/attention_oracle.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("plain attention on two positions, by hand") {
  // One head of width 1: q = (0, 1), k = (0, ln 3), v = (10, 20). Row 0 sees key 0; row 1 weighs them 1 to 3.
  const auto column = [](double a, double b) { return at::tensor({a, b}, at::kDouble).view({1, 2, 1, 1}); };
  AttentionOutput result{at::zeros({1, 2, 1, 1}, at::kDouble), at::zeros({1, 1, 2}, at::kDouble)};
  const AttentionWork work =
      PlainAttention().forward({column(0, 1), column(0, std::log(3.0)), column(10, 20), causal_mask(2), {}, 1.0}, result);
  CHECK(result.out_BTHQ.data_ptr<double>()[0] == Approx(10.0));
  CHECK(result.out_BTHQ.data_ptr<double>()[1] == Approx(17.5));
  CHECK(result.lse_BHT.data_ptr<double>()[1] == Approx(std::log(4.0)));
  CHECK(work.pairs_visible == 3);
  CHECK(work.pairs_computed == 4);
}

TEST_CASE("plain attention equals the dense oracle in fp64") {
  for (const AttentionCase& c : all_cases()) {
    INFO(c.name << " logits " << c.logits << " dropout " << c.dropout.p);
    const AttentionData data = attention_data(c);
    const AttentionAnswer expected = oracle(c, data);
    const PlainAttention kernel;
    const KernelAnswer got = run_kernel(kernel, c, data, expected, at::kDouble);
    CHECK(worst(got.answer, expected) <= 1e-12);
    CHECK(got.forward.pairs_computed == computed_pairs(c.mask, kernel.tiles()) * c.batch * c.heads);
    CHECK(got.backward.pairs_computed == got.forward.pairs_computed);
    CHECK(got.backward.matmuls == kernel.tiles().backward_matmuls);
  }
}

TEST_CASE("plain attention in bfloat16 gives float results as exact as those of float") { check_bfloat16(PlainAttention()); }
