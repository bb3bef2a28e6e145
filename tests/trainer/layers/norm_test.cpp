// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/norm.hpp"

#include <ATen/ops/empty.h>

#include "tests/support/catch.hpp"
#include "tests/trainer/oracle/fixture.hpp"
#include "tests/trainer/oracle/tensor_operators.hpp"

namespace ergon::oracle {

TEST_CASE("norm: output and gradients equal autograd, over two microbatches") {
  for (const ModelShape& shape : variants()) {
    CAPTURE(describe(shape));
    Parameters parameters = random_parameters(shape, 1);
    const auto tp = solo();
    Rank rank(shape, parameters, *tp);
    require_gradients(parameters);
    const NormLayer layer(shape, rank.declared.head.norm);
    for (const Write write : {Write::overwrite, Write::accumulate}) {
      const Batch batch = make_batch(shape, 3, 10, 5, 0, 0);
      const LayerCall call = rank.call(batch.positions_BT);
      const at::Tensor x = normal({3, 10, shape.width}, 2).requires_grad_(true), dy = normal({30, shape.width}, 3),
                       stream = normal({30, shape.width}, 4);
      const at::Tensor expected = norm(shape, parameters, "head.norm", x);
      (expected * dy.view_as(expected)).sum().backward();

      NormSaved saved;
      const at::Tensor y = at::empty_like(dy), dx = stream.clone();
      layer.forward(y, x.detach().view({30, shape.width}), saved, call);
      layer.backward_input(dx, dy, saved, call, Write::accumulate);
      layer.backward_weight(saved, call, write);
      CHECK(max_error(y.view_as(expected), expected) <= tolerance);
      CHECK(max_error((dx - stream).view_as(expected), x.grad()) <= tolerance);
    }
    CHECK(rank.gradient_error(parameters, "head.norm") <= tolerance);
  }
}

}  // namespace ergon::oracle
