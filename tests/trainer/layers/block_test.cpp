// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/block.hpp"

#include <ATen/ops/empty.h>

#include <optional>

#include "tests/trainer/oracle/fixture.hpp"
#include "tests/trainer/oracle/tensor_operators.hpp"

#include "tests/support/catch.hpp"

namespace ergon::oracle {

TEST_CASE("block: output and gradients equal autograd, halves apart and together") {
  for (const ModelShape& shape : variants()) {
    CAPTURE(describe(shape));
    LayerUnderTest test(shape);
    Rank& rank = test.rank;
    std::optional<RotaryTable> rotary;
    if (shape.positions == Positions::rotary) rotary.emplace(shape.sequence, shape.head_width, shape.rope_theta, at::kDouble);
    const BlockLayer layer(shape, 1, 0, 1, rotary ? &*rotary : nullptr, rank.declared.blocks[1]);
    for (const Write write : both_writes) {
      const Microbatch m(rank, write);
      const at::Tensor expected =
          block(shape, test.parameters, 1, m.x_BTD, m.batch.positions_BT, dropout_masks(shape, m.batch, 11, 3).layers[1]);
      (expected * m.dy_ND.view_as(expected)).sum().backward();

      BlockSaved saved;
      const at::Tensor y = at::empty_like(m.dy_ND), d = m.dy_ND.clone();
      layer.forward(y, m.x_ND, saved, m.call);
      if (write == Write::overwrite) {
        layer.backward(d, saved, m.call, write);
      } else {
        layer.backward_input(d, saved, m.call);
        layer.backward_weight(saved, m.call, write);
      }
      CHECK(max_error(y.view_as(expected), expected) <= tolerance);
      CHECK(max_error(d.view_as(expected), m.x_BTD.grad()) <= tolerance);
    }
    CHECK(rank.gradient_error(test.parameters, "layers.1.") <= tolerance);
  }
}

}  // namespace ergon::oracle
