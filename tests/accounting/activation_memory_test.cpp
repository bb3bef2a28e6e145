// SPDX-License-Identifier: Apache-2.0
#include "accounting/activation_memory.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

ModelShape example() {
  ModelShape shape;
  shape.layers = 2;
  shape.width = 64;
  shape.heads = shape.kv_heads = 4;
  shape.head_width = 16;
  shape.ffn_width = 256;
  shape.vocabulary = 257;
  shape.sequence = 128;
  shape.norm = Norm::layernorm;
  shape.mlp = Mlp::gelu;
  return shape;
}

constexpr StageChunk inner_layer = {.first_layer = 0, .num_layers = 1, .embedding = false, .head = false};

std::int64_t of_inner(Recompute policy, ActivationShare share = {}) {
  share.length = 128;
  share.recompute = policy;
  // A second layer, whose output stays: the difference is one whole layer.
  const StageChunk two = {.first_layer = 0, .num_layers = 2, .embedding = false, .head = false};
  return (kept_activations(example(), two, share) - kept_activations(example(), inner_layer, share)).value;
}

}  // namespace

TEST_CASE("activation_memory: the header's example, and what each policy leaves out") {
  const std::int64_t d = 128 * 64 * 4;  // a state of the residual stream
  const std::int64_t statistics = 4 * 128 * 4, lse = 4 * 128 * 4;
  CHECK(of_inner(Recompute::none) == 528384);
  CHECK(of_inner(Recompute::none) == 4 * d + 128 * (192 + 64 + 512) * 4 + statistics + lse);
  CHECK(of_inner(Recompute::selective) == 2 * d + 128 * (192 + 64 + 256) * 4 + statistics + lse);
  CHECK(of_inner(Recompute::core) == 2 * d + 128 * (192 + 256) * 4 + statistics);
  CHECK(of_inner(Recompute::full) == d);
}

TEST_CASE("activation_memory: tensor ranks share columns, and rows of the residual stream under sequence parallelism") {
  const std::int64_t d = 128 * 64 * 4, statistics = 4 * 128 * 4;
  CHECK(of_inner(Recompute::none, {.tp = 2}) == 4 * d + 128 * (96 + 32 + 256) * 4 + statistics + 2 * 128 * 4);
  CHECK(of_inner(Recompute::none, {.tp = 2, .sequence_parallel = true}) ==
        2 * d + 128 * (96 + 32 + 256) * 4 + statistics / 2 + 2 * 128 * 4);
}

TEST_CASE("activation_memory: in bfloat16 the core's output, statistics and logits stay in float") {
  const std::int64_t half = 128 * 64 * 2;
  CHECK(of_inner(Recompute::none, {.dtype = DType::bfloat16}) == 4 * half + 128 * (192 + 512) * 2 + 128 * 64 * 4 + 8 * 128 * 4);
  const StageChunk head = {.first_layer = 0, .num_layers = 1, .embedding = false, .head = true};
  ActivationShare share{.length = 128, .recompute = Recompute::full, .dtype = DType::bfloat16};
  CHECK((kept_activations(example(), head, share) - kept_activations(example(), inner_layer, share)).value ==
        half + (2 * 128 + 128 * 384 + 3 * 128) * 4);
}
