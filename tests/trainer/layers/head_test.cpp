// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/head.hpp"

#include <ATen/ops/empty.h>

#include "tests/trainer/oracle/fixture.hpp"
#include "tests/trainer/oracle/tensor_operators.hpp"

#include "tests/support/catch.hpp"

namespace ergon::oracle {

TEST_CASE("head: loss and gradients equal autograd, with ignored labels, halves apart and together") {
  const double loss_scale = 1.0 / 37.0;
  for (const ModelShape& shape : variants()) {
    for (const std::int64_t ignored : {0, 3, 1}) {  // 1: no label counts
      CAPTURE(describe(shape), ignored);
      LayerUnderTest test(shape);
      Rank& rank = test.rank;
      const HeadLayer layer(shape, 1, 0, rank.declared.head);
      for (const Write write : both_writes) {
        const Microbatch m(rank, write, ignored);
        const at::Tensor expected = loss_sum(logits(shape, test.parameters, m.x_BTD), m.batch.labels_BT);
        (expected * loss_scale).backward();

        HeadSaved saved;
        const at::Tensor dx = at::empty_like(m.x_ND);
        const double loss = layer.forward(m.x_ND, m.batch.labels_BT, saved, m.call);
        if (write == Write::overwrite) {
          layer.backward(dx, loss_scale, saved, m.call, write);
        } else {
          layer.backward_input(dx, loss_scale, saved, m.call);
          layer.backward_weight(saved, m.call, write);
        }
        CHECK(std::abs(loss - expected.item<double>()) <= tolerance);
        CHECK(max_error(dx.view_as(m.x_BTD), m.x_BTD.grad()) <= tolerance);
      }
      CHECK(rank.gradient_error(test.parameters, "head.") <= tolerance);
      if (shape.tied) CHECK(rank.gradient_error(test.parameters, "embedding.tokens") <= tolerance);
    }
  }
}

TEST_CASE("head: padding rows of the table receive no gradient and no probability") {
  const ModelShape shape = variants()[2];
  LayerUnderTest test(shape);
  Rank& rank = test.rank;
  const at::Tensor table = rank.store.weight(rank.declared.head.table);
  table.narrow(0, 257, 127).fill_(50.0);  // must not matter
  const HeadLayer layer(shape, 1, 0, rank.declared.head);
  const Batch batch = make_batch(shape, 1, 8, 5, 0, 0);
  const at::Tensor x = normal({1, 8, shape.width}, 2);
  HeadSaved saved;
  const double loss = layer.forward(x.view({8, shape.width}), batch.labels_BT, saved, rank.call(batch));
  CHECK(std::abs(loss - loss_sum(logits(shape, test.parameters, x), batch.labels_BT).item<double>()) <= tolerance);
  CHECK(max_error(layer.logits(x.view({8, shape.width}), rank.call(batch)), logits(shape, test.parameters, x)[0]) <= tolerance);
}

}  // namespace ergon::oracle
