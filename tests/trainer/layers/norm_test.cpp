// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/norm.hpp"

#include <ATen/ops/empty.h>

#include "tests/trainer/oracle/fixture.hpp"
#include "tests/trainer/oracle/tensor_operators.hpp"

#include "tests/support/catch.hpp"

namespace ergon::oracle {

TEST_CASE("norm: output and gradients equal autograd, over two microbatches") {
  for (const ModelShape& shape : variants()) {
    CAPTURE(describe(shape));
    LayerUnderTest test(shape);
    Rank& rank = test.rank;
    const NormLayer layer(shape, rank.declared.head.norm);
    for (const Write write : both_writes) {
      const Microbatch m(rank, write);
      const at::Tensor stream = normal({30, shape.width}, 4);
      const at::Tensor expected = norm(shape, test.parameters, "head.norm", m.x_BTD);
      (expected * m.dy_ND.view_as(expected)).sum().backward();

      NormSaved saved;
      const at::Tensor y = at::empty_like(m.dy_ND), dx = stream.clone();
      layer.forward(y, m.x_ND, saved, m.call);
      layer.backward_input(dx, m.dy_ND, saved, m.call, Write::accumulate);
      layer.backward_weight(saved, m.call, write);
      CHECK(max_error(y.view_as(expected), expected) <= tolerance);
      CHECK(max_error((dx - stream).view_as(expected), m.x_BTD.grad()) <= tolerance);
    }
    CHECK(rank.gradient_error(test.parameters, "head.norm") <= tolerance);
  }
}

}  // namespace ergon::oracle
