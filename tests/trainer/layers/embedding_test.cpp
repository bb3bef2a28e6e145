// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/embedding.hpp"

#include <ATen/ops/empty.h>

#include "tests/trainer/oracle/fixture.hpp"
#include "tests/trainer/oracle/tensor_operators.hpp"

#include "tests/support/catch.hpp"

namespace ergon::oracle {

TEST_CASE("embedding: output and gradients equal autograd; a tied table keeps what the head wrote") {
  for (const ModelShape& shape : variants()) {
    CAPTURE(describe(shape));
    LayerUnderTest test(shape);
    Rank& rank = test.rank;
    const EmbeddingLayer layer(shape, 1, 0, rank.declared.embedding, shape.tied);
    const at::Tensor from_head = normal({384, shape.width}, 9);
    from_head.narrow(0, 257, 127).zero_();
    if (shape.tied) rank.store.gradient(rank.declared.embedding.tokens).copy_(from_head);
    for (const Write write : both_writes) {
      const Microbatch m(rank, write);
      const at::Tensor expected =
          embedding(shape, test.parameters, m.batch.tokens_BT, m.batch.positions_BT, dropout_masks(shape, m.batch, 11, 3).embedding_BTD);
      (expected * m.dy_ND.view_as(expected)).sum().backward();

      EmbeddingSaved saved;
      const at::Tensor y = at::empty_like(m.dy_ND);
      layer.forward(y, m.batch.tokens_BT, saved, m.call);
      layer.backward(m.dy_ND.clone(), saved, m.call, write);
      CHECK(max_error(y.view_as(expected), expected) <= tolerance);
    }
    const at::Tensor table = rank.store.gradient(rank.declared.embedding.tokens);
    if (shape.tied) table.sub_(from_head);
    CHECK(table.size(0) == 384);
    CHECK(rank.gradient_error(test.parameters, "embedding.") <= tolerance);
  }
}

}  // namespace ergon::oracle
