// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/mlp.hpp"

#include <ATen/ops/empty.h>

#include "tests/trainer/oracle/fixture.hpp"
#include "tests/trainer/oracle/tensor_operators.hpp"

#include "tests/support/catch.hpp"

namespace ergon::oracle {

TEST_CASE("mlp: output and gradients equal autograd, halves apart and together") {
  for (const ModelShape& shape : variants()) {
    CAPTURE(describe(shape));
    LayerUnderTest test(shape);
    Rank& rank = test.rank;
    const MlpLayer layer(shape, rank.declared.blocks[1].mlp);
    for (const Write write : both_writes) {
      const Microbatch m(rank, write);
      const at::Tensor expected = mlp(shape, test.parameters, "layers.1.mlp.", m.x_BTD);
      (expected * m.dy_ND.view_as(expected)).sum().backward();

      MlpSaved saved;
      const at::Tensor y = at::empty_like(m.dy_ND), dx = at::empty_like(m.dy_ND);
      layer.forward(y, m.x_ND, saved, m.call).wait();
      if (write == Write::overwrite) {
        layer.backward(dx, m.dy_ND, saved, m.call, write);
      } else {
        layer.backward_input(dx, m.dy_ND, saved, m.call).wait();
        layer.backward_weight(saved, m.call, write);
      }
      const at::Tensor bias = layer.output_bias(rank.store);
      CHECK(max_error((bias.defined() ? y + bias : y).view_as(expected), expected) <= tolerance);
      CHECK(max_error(dx.view_as(expected), m.x_BTD.grad()) <= tolerance);
    }
    CHECK(rank.gradient_error(test.parameters, "layers.1.mlp.") <= tolerance);
  }
}

}  // namespace ergon::oracle
