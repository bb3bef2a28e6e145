// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/attention.hpp"

#include <ATen/ops/empty.h>

#include <optional>

#include "configs/error.hpp"
#include "tests/trainer/oracle/fixture.hpp"
#include "tests/trainer/oracle/tensor_operators.hpp"

#include "tests/support/catch.hpp"

namespace ergon::oracle {
namespace {

std::optional<RotaryTable> rotary_of(const ModelShape& shape) {
  if (shape.positions != Positions::rotary) return std::nullopt;
  return RotaryTable(shape.sequence, shape.head_width, shape.rope_theta, at::kDouble);
}

}  // namespace

TEST_CASE("attention: output and gradients equal autograd, over two microbatches") {
  for (const ModelShape& shape : variants()) {
    CAPTURE(describe(shape));
    LayerUnderTest test(shape);
    Rank& rank = test.rank;
    const std::optional<RotaryTable> rotary = rotary_of(shape);
    const AttentionLayer layer(shape, 1, 0, 1, rotary ? &*rotary : nullptr, rank.declared.blocks[1].attention);
    for (const Write write : both_writes) {
      const Microbatch m(rank, write);
      const at::Tensor mask = dropout_masks(shape, m.batch, 11, 3).layers[1].attention_BHTT;
      const at::Tensor expected = attention(shape, test.parameters, "layers.1.attention.", m.x_BTD, m.batch.positions_BT, mask);
      (expected * m.dy_ND.view_as(expected)).sum().backward();

      AttentionSaved saved;
      const at::Tensor y = at::empty_like(m.dy_ND), dx = at::empty_like(m.dy_ND);
      layer.forward(y, m.x_ND, saved, m.call).wait();
      layer.backward(dx, m.dy_ND, saved, m.call, write);
      const at::Tensor bias = layer.output_bias(rank.store);
      CHECK(max_error((bias.defined() ? y + bias : y).view_as(expected), expected) <= tolerance);
      CHECK(max_error(dx.view_as(expected), m.x_BTD.grad()) <= tolerance);
    }
    CHECK(rank.gradient_error(test.parameters, "layers.1.attention.") <= tolerance);
  }
}

TEST_CASE("attention: positions need not start at zero; rotary uses them") {
  ModelShape shape = variants()[2];
  LayerUnderTest test(shape);
  Rank& rank = test.rank;
  const std::optional<RotaryTable> rotary = rotary_of(shape);
  const AttentionLayer layer(shape, 1, 0, 0, &*rotary, rank.declared.blocks[0].attention);
  Batch batch = make_batch(shape, 2, 10, 5, 0, 0);
  batch.positions_BT[1].add_(2);
  const at::Tensor x = normal({2, 10, shape.width}, 2), y = at::empty({20, shape.width}, at::kDouble);
  AttentionSaved saved;
  layer.forward(y, x.view({20, shape.width}), saved, rank.call(batch)).wait();
  const at::Tensor expected = attention(shape, test.parameters, "layers.0.attention.", x, batch.positions_BT, {});
  CHECK(max_error(y.view_as(expected), expected) <= tolerance);
}

TEST_CASE("attention: replicated key/value heads without their group are refused") {
  ModelShape shape = variants()[3];
  LayerUnderTest test(shape);
  Rank& rank = test.rank;
  const ModelDeclaration of_two = declare_parameters(shape, 2, 0);
  const ParameterStore store(of_two.specs, of_two.packs, at::kDouble, at::kCPU, of_two.units.units());
  const AttentionLayer layer(shape, 2, 0, 0, nullptr, of_two.blocks[0].attention);
  const Batch batch = make_batch(shape, 1, 4, 5, 0, 0);
  const LayerCall call{store, rank.context, rank.keep, batch.positions_BT};
  const at::Tensor x = normal({4, shape.width}, 2), y = at::empty_like(x);
  AttentionSaved saved;
  layer.forward(y, x, saved, call).wait();
  CHECK_THROWS_AS(layer.backward(y, x, saved, call, Write::overwrite), Bug);
}

TEST_CASE("attention: the audit counts the products and the core") {
  const ModelShape shape = variants()[0];
  LayerUnderTest test(shape);
  Rank& rank = test.rank;
  const AttentionLayer layer(shape, 1, 0, 0, nullptr, rank.declared.blocks[0].attention);
  const Batch batch = make_batch(shape, 2, 10, 5, 0, 0);
  const at::Tensor x = normal({20, shape.width}, 2), y = at::empty_like(x);
  AttentionSaved saved;
  layer.forward(y, x, saved, rank.call(batch)).wait();
  CHECK(rank.audit.gemm(Phase::forward) == Flops{2u * 20 * 16 * (72 + 24)});
  CHECK(rank.audit.attention_visible(Phase::forward) ==
        Flops{2u * 2 * 6 * 2 * 4 * 55});  // 2 matmuls, Q = 6, B = 2, H = 4, 10 x 11 / 2 pairs
}

}  // namespace ergon::oracle
