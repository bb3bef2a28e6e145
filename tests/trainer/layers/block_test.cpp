// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/block.hpp"

#include <ATen/ops/empty.h>

#include <optional>

#include "tests/support/catch.hpp"
#include "tests/trainer/oracle/fixture.hpp"
#include "tests/trainer/oracle/tensor_operators.hpp"

namespace ergon::oracle {

TEST_CASE("block: output and gradients equal autograd, halves apart and together") {
  for (const ModelShape& shape : variants()) {
    CAPTURE(describe(shape));
    Parameters parameters = random_parameters(shape, 1);
    const auto tp = solo();
    Rank rank(shape, parameters, *tp);
    require_gradients(parameters);
    std::optional<RotaryTable> rotary;
    if (shape.positions == Positions::rotary) rotary.emplace(shape.sequence, shape.head_width, shape.rope_theta, at::kDouble);
    const BlockLayer layer(shape, 1, 0, 1, rotary ? &*rotary : nullptr, rank.declared.blocks[1]);
    for (const Write write : {Write::overwrite, Write::accumulate}) {
      const Batch batch = make_batch(shape, 3, 10, 5, 0, write == Write::overwrite ? 0 : 3);
      const LayerCall call = rank.call(batch.positions_BT);
      rank.context.first_sample = batch.first_sample;
      const at::Tensor x = normal({3, 10, shape.width}, 2).requires_grad_(true), dy = normal({30, shape.width}, 3);
      const at::Tensor expected = block(shape, parameters, 1, x, batch.positions_BT, dropout_masks(shape, batch, 11, 3).layers[1]);
      (expected * dy.view_as(expected)).sum().backward();

      BlockSaved saved;
      const at::Tensor y = at::empty_like(dy), d = dy.clone();
      layer.forward(y, x.detach().view({30, shape.width}), saved, call);
      if (write == Write::overwrite) {
        layer.backward(d, saved, call, write);
      } else {
        layer.backward_input(d, saved, call);
        layer.backward_weight(saved, call, write);
      }
      CHECK(max_error(y.view_as(expected), expected) <= tolerance);
      CHECK(max_error(d.view_as(expected), x.grad()) <= tolerance);
    }
    CHECK(rank.gradient_error(parameters, "layers.1.") <= tolerance);
  }
}

}  // namespace ergon::oracle
