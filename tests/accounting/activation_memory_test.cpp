// SPDX-License-Identifier: Apache-2.0
#include "accounting/activation_memory.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

ModelShape two_layers() {
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
  return (kept_activations(two_layers(), two, share) - kept_activations(two_layers(), inner_layer, share)).value;
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

TEST_CASE("activation_memory: what lies between the halves of a layer, by policy") {
  const std::int64_t d = 128 * 64 * 4, e = 128 * 192 * 4, f = 128 * 256 * 4, lse = 4 * 128 * 4;
  const auto of = [](Recompute policy, ActivationShare share = {}, Mlp mlp = Mlp::gelu) {
    share.length = 128;
    share.recompute = policy;
    ModelShape shape = two_layers();
    shape.mlp = mlp;
    return kept_between_halves(shape, inner_layer, share).value;
  };
  CHECK(of(Recompute::none) == 4 * d + e + f);
  CHECK(of(Recompute::none, {}, Mlp::swiglu) == 4 * d + e);
  CHECK(of(Recompute::selective) == 6 * d + e + 2 * f);
  CHECK(of(Recompute::core) == 6 * d + e + 2 * f + d + lse);
  CHECK(of(Recompute::full) == 4 * d + e + f + of_inner(Recompute::none));
  CHECK(of(Recompute::none, {.tp = 2, .sequence_parallel = true}) == 2 * d + (e + f) / 2 + 4 * d);
  CHECK(of(Recompute::none, {.dtype = DType::bfloat16}) == (4 * d + e + f) / 2);
  const StageChunk ends[] = {{.first_layer = 0, .num_layers = 1, .embedding = true, .head = false},
                             {.first_layer = 0, .num_layers = 1, .embedding = false, .head = true}};
  for (const auto& [policy, of_head] : {std::pair{Recompute::none, d}, std::pair{Recompute::selective, 2 * d}}) {
    const ActivationShare share{.length = 128, .recompute = policy};
    CHECK(kept_between_halves(two_layers(), ends[0], share).value == of(policy) + d);
    CHECK(kept_between_halves(two_layers(), ends[1], share).value == of(policy) + of_head);
  }
}

TEST_CASE("activation_memory: the most that a stage keeps is found where its plan keeps it") {
  const std::vector<Bytes> kept = {Bytes{100}}, halves = {Bytes{10}};
  const auto most = [&](PipelineSchedule schedule, int stage) {
    return most_kept(plan_pipeline(schedule, 4, 8), stage, kept, halves).value;
  };
  for (int stage = 0; stage < 4; ++stage) {
    CHECK(most(PipelineSchedule::gpipe, stage) == 800);
    CHECK(most(PipelineSchedule::one_f_one_b, stage) == 100 * (4 - stage));
  }
  // ZB-H1: stage s is s weight halves behind, so s + 1 microbatches lie between their halves; all of them keep what forward kept.
  CHECK(most(PipelineSchedule::zero_bubble, 0) == 400 + 10);
  CHECK(most(PipelineSchedule::zero_bubble, 3) == 400 + 40);
  const std::vector<Bytes> of_chunks = {Bytes{100}, Bytes{1}}, none = {Bytes{}, Bytes{}};
  const PipelinePlan interleaved = plan_pipeline(PipelineSchedule::interleaved, 2, 2, 2);
  CHECK(most_kept(interleaved, 0, of_chunks, none).value == 202);
  CHECK(most_kept(interleaved, 1, of_chunks, none).value == 201);
}

TEST_CASE("activation_memory: in bfloat16 the core's output, statistics and logits stay in float") {
  const std::int64_t half = 128 * 64 * 2;
  CHECK(of_inner(Recompute::none, {.dtype = DType::bfloat16}) == 4 * half + 128 * (192 + 512) * 2 + 128 * 64 * 4 + 8 * 128 * 4);
  const StageChunk head = {.first_layer = 0, .num_layers = 1, .embedding = false, .head = true};
  ActivationShare share{.length = 128, .recompute = Recompute::full, .dtype = DType::bfloat16};
  CHECK((kept_activations(two_layers(), head, share) - kept_activations(two_layers(), inner_layer, share)).value ==
        half + (2 * 128 + 128 * 384 + 3 * 128) * 4);
}
