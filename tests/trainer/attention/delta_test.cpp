// SPDX-License-Identifier: Apache-2.0
#include "trainer/attention/delta.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include "configs/error.hpp"
#include "tests/trainer/oracle/tensor_operators.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("attention delta: row sums of dout * out, heads before positions; out keeps its digits beside a bfloat16 dout") {
  for (const at::ScalarType compute : {at::kBFloat16, at::kFloat, at::kDouble}) {
    const at::ScalarType dtype = compute == at::kDouble ? at::kDouble : at::kFloat;
    const at::Tensor dout = at::randn({2, 5, 3, 7}, at::kDouble).to(compute), out = at::randn({2, 5, 3, 7}, dtype),
                     delta = at::empty({2, 3, 5}, dtype);
    attention_delta(delta, dout, out);
    const at::Tensor expected = (dout.to(at::kDouble) * out.to(at::kDouble)).sum(-1).transpose(1, 2);
    CHECK((delta.to(at::kDouble) - expected).abs().max().item<double>() <= (dtype == at::kFloat ? 1e-6 : 1e-14));
  }
  CHECK_THROWS_AS(attention_delta(at::empty({2, 5, 3}), at::empty({2, 5, 3, 7}), at::empty({2, 5, 3, 7})), Bug);
  const at::Tensor brief = at::zeros({2, 5, 3, 7}, at::kBFloat16);
  CHECK_THROWS(attention_delta(at::empty({2, 3, 5}), brief, brief));  // an out that was rounded
}

}  // namespace ergon
