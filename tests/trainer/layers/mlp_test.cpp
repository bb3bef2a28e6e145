// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/mlp.hpp"

#include <ATen/ops/empty.h>

#include "tests/support/catch.hpp"
#include "tests/trainer/oracle/fixture.hpp"
#include "tests/trainer/oracle/tensor_operators.hpp"

namespace ergon::oracle {

TEST_CASE("mlp: output and gradients equal autograd, halves apart and together") {
  for (const ModelShape& shape : variants()) {
    CAPTURE(describe(shape));
    Parameters parameters = random_parameters(shape, 1);
    const auto tp = solo();
    Rank rank(shape, parameters, *tp);
    require_gradients(parameters);
    const MlpLayer layer(shape, rank.declared.blocks[1].mlp);
    for (const Write write : {Write::overwrite, Write::accumulate}) {
      const Batch batch = make_batch(shape, 3, 10, 5, 0, 0);
      const LayerCall call = rank.call(batch.positions_BT);
      const at::Tensor x = normal({3, 10, shape.width}, 2).requires_grad_(true), dy = normal({30, shape.width}, 3);
      const at::Tensor expected = mlp(shape, parameters, "layers.1.mlp.", x);
      (expected * dy.view_as(expected)).sum().backward();

      MlpSaved saved;
      const at::Tensor y = at::empty_like(dy), dx = at::empty_like(dy);
      layer.forward(y, x.detach().view({30, shape.width}), saved, call).wait();
      if (write == Write::overwrite) {
        layer.backward(dx, dy, saved, call, write);
      } else {
        layer.backward_input(dx, dy, saved, call).wait();
        layer.backward_weight(saved, call, write);
      }
      const at::Tensor bias = layer.output_bias(rank.store);
      CHECK(max_error((bias.defined() ? y + bias : y).view_as(expected), expected) <= tolerance);
      CHECK(max_error(dx.view_as(expected), x.grad()) <= tolerance);
    }
    CHECK(rank.gradient_error(parameters, "layers.1.mlp.") <= tolerance);
  }
}

}  // namespace ergon::oracle
