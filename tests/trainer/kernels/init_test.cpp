// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/init.hpp"

#include <ATen/ops/equal.h>

#include "tests/trainer/kernels/kernel_inputs.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("any box of a parameter holds what the whole parameter holds there") {
  const at::Tensor whole = garbage({12, 10});
  fill_normal(whole, "w", {12, 10}, {{0, 0}, {12, 10}}, 0.02, 5);
  CHECK(whole.data_ptr<double>()[13] == 0.02 * normal(philox_key(5, Stream::init), fnv1a("w"), 13));
  const at::Tensor columns = garbage({12, 4}), rows = at::full({6, 10}, 0.0, at::kDouble);
  fill_normal(columns, "w", {12, 10}, {{0, 3}, {12, 4}}, 0.02, 5);
  CHECK(at::equal(columns, whole.narrow(1, 3, 4)));
  fill_normal(rows, "w", {12, 10}, {{8, 0}, {4, 10}}, 0.02, 5);  // two rows of padding
  CHECK(at::equal(rows.narrow(0, 0, 4), whole.narrow(0, 8, 4)));
  CHECK(rows.narrow(0, 4, 2).abs().max().item<double>() == 0.0);
  const at::Tensor other = garbage({12, 10}), single = garbage({12, 10}, at::kFloat);
  fill_normal(other, "v", {12, 10}, {{0, 0}, {12, 10}}, 0.02, 5);
  CHECK(max_abs(other, whole) > 0.01);
  fill_normal(single, "w", {12, 10}, {{0, 0}, {12, 10}}, 0.02, 5);
  CHECK(at::equal(single, whole.to(at::kFloat)));
}
