// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/embedding.hpp"

#include <ATen/ops/empty.h>

#include "tests/support/catch.hpp"
#include "tests/trainer/oracle/fixture.hpp"
#include "tests/trainer/oracle/tensor_operators.hpp"

namespace ergon::oracle {

TEST_CASE("embedding: output and gradients equal autograd; a tied table keeps what the head wrote") {
  for (const ModelShape& shape : variants()) {
    CAPTURE(describe(shape));
    Parameters parameters = random_parameters(shape, 1);
    const auto tp = solo();
    Rank rank(shape, parameters, *tp);
    require_gradients(parameters);
    const EmbeddingLayer layer(shape, 1, 0, rank.declared.embedding);
    const at::Tensor from_head = normal({384, shape.width}, 9);
    from_head.narrow(0, 257, 127).zero_();
    if (shape.tied) rank.store.gradient(rank.declared.embedding.tokens).copy_(from_head);
    for (const Write write : {Write::overwrite, Write::accumulate}) {
      const Batch batch = make_batch(shape, 3, 10, 5, 0, write == Write::overwrite ? 0 : 3);
      const LayerCall call = rank.call(batch.positions_BT);
      rank.context.first_sample = batch.first_sample;
      const at::Tensor dy = normal({30, shape.width}, 3);
      const at::Tensor expected =
          embedding(shape, parameters, batch.tokens_BT, batch.positions_BT, dropout_masks(shape, batch, 11, 3).embedding_BTD);
      (expected * dy.view_as(expected)).sum().backward();

      EmbeddingSaved saved;
      const at::Tensor y = at::empty_like(dy);
      layer.forward(y, batch.tokens_BT, saved, call);
      layer.backward(dy.clone(), saved, call, write);
      CHECK(max_error(y.view_as(expected), expected) <= tolerance);
    }
    const at::Tensor table = rank.store.gradient(rank.declared.embedding.tokens);
    if (shape.tied) table.sub_(from_head);
    CHECK(table.size(0) == 384);
    CHECK(rank.gradient_error(parameters, "embedding.") <= tolerance);
  }
}

}  // namespace ergon::oracle
