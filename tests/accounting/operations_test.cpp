// SPDX-License-Identifier: Apache-2.0
#include "accounting/operations.hpp"

#include <rapidcheck.h>

#include <set>

#include "configs/error.hpp"
#include "tests/accounting/shapes.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

using Wide = unsigned __int128;

// Products that each (query, key) pair takes part in, by looping over the positions.
std::int64_t pairs_by_hand(std::int64_t length, std::int64_t window) {
  std::int64_t pairs = 0;
  for (std::int64_t i = 0; i < length; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) pairs += window == 0 || i - j < window ? 1 : 0;
  }
  return pairs;
}

// What one rank of a tensor group executes in one forward, written out layer by layer: an oracle independent of the list.
struct RankWork {
  Wide gemm = 0;
  Wide attention = 0;
};
RankWork forward_of_rank(const ModelShape& s, std::int64_t sequences, std::int64_t length, int tp, std::int64_t pairs) {
  const std::int64_t tokens = sequences * length;
  const std::int64_t queries = s.heads / tp;
  const std::int64_t keys = s.kv_heads >= tp ? s.kv_heads / tp : 1;
  const std::int64_t multiple = 128 * tp;
  const std::int64_t rows = (s.vocabulary + multiple - 1) / multiple * multiple / tp;
  RankWork work;
  const auto gemm = [&](std::int64_t m, std::int64_t n, std::int64_t k) { work.gemm += Wide{2} * m * n * k; };
  for (std::int64_t l = 0; l < s.layers; ++l) {
    gemm(tokens, (queries + 2 * keys) * s.head_width, s.width);  // packed q, k, v
    gemm(tokens, s.width, queries * s.head_width);
    gemm(tokens, (s.mlp == Mlp::swiglu ? 2 : 1) * s.ffn_width / tp, s.width);  // packed gate and up
    gemm(tokens, s.width, s.ffn_width / tp);
    work.attention += Wide{2} * 2 * sequences * queries * s.head_width * pairs;
  }
  gemm(tokens, rows, s.width);
  return work;
}

Execution on(int tp, AttentionTiles tiles = {}, Recompute recompute = Recompute::none) {
  return {.mesh = {.tp = tp}, .tiles = tiles, .recompute = recompute};
}

Flops of(const std::vector<Operation>& operations, Phase phase, OperationKind kind, int layer) {
  Flops sum;
  for (const Operation& o : operations) {
    if (o.phase == phase && o.kind == kind && o.layer == layer) sum += o.flops;
  }
  return sum;
}

}  // namespace

TEST_CASE("visible pairs of a causal sequence are those a loop counts, and those of the block mask") {
  CHECK(causal_pairs(4, 0) == 10);
  for (std::int64_t length : {1, 2, 5, 12, 33}) {
    for (std::int64_t window : {0, 1, 2, 5, 12, 100}) {
      INFO("length " << length << " window " << window);
      CHECK(causal_pairs(length, window) == pairs_by_hand(length, window));
      CHECK(causal_pairs(length, window) == causal_mask(length, window).visible_pairs());
    }
  }
}

TEST_CASE("a model that sees the whole sequence has all pairs, on any context ranks; documents have the pairs that are given") {
  ModelShape shape = tiny();
  CHECK(sequence_pairs({.window = 3}, 12) == causal_pairs(12, 3));
  CHECK(sequence_pairs({.causal = false}, 12) == 144);
  const FlopCount causal = count(model_operations(shape, {6, 12}));
  shape.causal = false;
  const FlopCount full = count(model_operations(shape, {6, 12}));
  CHECK(full.gemm == causal.gemm);
  CHECK(full.attention.value * 78 == causal.attention.value * 144);
  for (const int cp : {1, 2, 3})
    for (const AttentionSharding attention : {AttentionSharding::ring, AttentionSharding::gather_kv}) {
      Execution execution = on(1, {.queries = 4, .keys = 2});
      execution.mesh.cp = cp;
      execution.context = {attention, SequenceLayout::zigzag, cp, 1};
      const FlopCount hardware = count(hardware_operations(shape, {6, 12}, execution));
      CHECK(hardware.attention == hardware.attention_visible);
      CHECK(hardware.attention.value * 6 == full.attention.value * 7);  // flash: 5 products backward, not 4
    }
  const Workload documents{6, 12, PairCount{100, 130}};
  CHECK(count(model_operations(shape, documents)).attention.value * 6 * 144 == full.attention.value * 100);
  const FlopCount hardware = count(hardware_operations(shape, documents, on(1, {.queries = 4, .keys = 2})));
  CHECK(hardware.attention.value * 100 == hardware.attention_visible.value * 130);
}

TEST_CASE("a layer small enough for a reader: every operation has its count") {
  ModelShape s = tiny();
  const auto list = model_operations(s, {.sequences = 3, .length = 4});
  const auto expect = [&](OperationKind kind, int layer, Wide forward) {
    INFO(name(kind) << " of layer " << layer);
    CHECK(of(list, Phase::forward, kind, layer).value == forward);
    CHECK(of(list, Phase::backward, kind, layer).value == 2 * forward);
  };
  for (int layer : {0, 1}) {  // 12 tokens, D 24, H Q = 32, K Q = 16, F 40, 10 pairs
    expect(OperationKind::query, layer, 2 * 12 * 24 * 32);
    expect(OperationKind::key, layer, 2 * 12 * 24 * 16);
    expect(OperationKind::value, layer, 2 * 12 * 24 * 16);
    expect(OperationKind::attention_scores, layer, 2 * 3 * 4 * 8 * 10);
    expect(OperationKind::attention_values, layer, 2 * 3 * 4 * 8 * 10);
    expect(OperationKind::attention_output, layer, 2 * 12 * 24 * 32);
    expect(OperationKind::mlp_gate, layer, 2 * 12 * 24 * 40);
    expect(OperationKind::mlp_up, layer, 2 * 12 * 24 * 40);
    expect(OperationKind::mlp_down, layer, 2 * 12 * 24 * 40);
  }
  expect(OperationKind::head, -1, 2 * 12 * 24 * 257);
  expect(OperationKind::embedding, -1, 0);
  CHECK(of(list, Phase::forward, OperationKind::query, 2).value == 0);
  s.mlp = Mlp::gelu;
  CHECK(of(model_operations(s, {3, 4}), Phase::forward, OperationKind::mlp_gate, 0).value == 0);
}

TEST_CASE("model FLOPs of GPT-2 124M on one sequence are those of nanoGPT's notebook, the core apart") {
  const auto forward = count(model_operations(gpt2_124m(), {1, 1024}), Phase::forward);
  // 291,648,307,200 in the notebook with the core over s x s: 12 layers x 4 x 1024 x 1024 x 768 of it.
  const Wide core_full = Wide{12} * 4 * 1024 * 1024 * 768;
  CHECK(forward.gemm.value == Wide{291'648'307'200} - core_full);
  CHECK(forward.attention.value == core_full / 2048 * 1025);
}

TEST_CASE("hardware FLOPs equal the sum over ranks of what each executes, on every mesh") {
  ModelShape shape = tiny();
  for (bool gelu : {false, true}) {
    if (gelu) shape.mlp = Mlp::gelu;
    for (int tp : {1, 2, 4}) {
      for (int dp : {1, 2, 3}) {
        INFO("tp " << tp << " dp " << dp);
        const AttentionTiles tiles{.queries = 4, .keys = 4};
        Wide gemm = 0, attention = 0;
        for (int rank = 0; rank < tp * dp; ++rank) {
          const RankWork work = forward_of_rank(shape, 6 / dp, 12, tp, 6 * 16);  // 3 x 3 tiles of 4 x 4, 6 of them not empty
          gemm += work.gemm;
          attention += work.attention;
        }
        Execution execution = on(tp, tiles);
        execution.mesh.dp = dp;
        const auto list = hardware_operations(shape, {6, 12}, execution);
        CHECK(count(list, Phase::forward).gemm.value == gemm);
        CHECK(count(list, Phase::forward).attention.value == attention);
        CHECK(count(list, Phase::forward).attention_visible.value == attention / 96 * 78);
        CHECK(count(list, Phase::backward).gemm.value == 2 * gemm);
        CHECK(count(list, Phase::backward).attention.value == attention / 2 * 5);
        CHECK(count(list, Phase::recompute) == FlopCount{});
        CHECK(count(list).total().value == 3 * gemm + attention / 2 * 7);
        const auto evaluation = hardware_operations(shape, {6, 12}, execution, Pass::evaluation);
        CHECK(count(evaluation, Phase::evaluation) == count(list, Phase::forward));
        CHECK(count(evaluation) == count(list, Phase::forward));
      }
    }
  }
}

TEST_CASE("property: hardware FLOPs are additive over the ranks of any mesh that cuts the shape") {
  CHECK(rc::check([] {
    ModelShape shape = tiny();
    const int tp = *rc::gen::element(1, 2, 4), dp = *rc::gen::inRange(1, 4);
    const std::int64_t keys = *rc::gen::element(1, 2, 4);
    shape.kv_heads = keys;
    shape.heads = 4 * *rc::gen::inRange(1, 4);
    shape.head_width = *rc::gen::inRange(1, 20);
    shape.layers = *rc::gen::inRange(1, 5);
    shape.width = *rc::gen::inRange(1, 60);
    shape.ffn_width = 4 * *rc::gen::inRange(1, 30);
    shape.vocabulary = *rc::gen::inRange(2, 3000);
    shape.mlp = *rc::gen::element(Mlp::gelu, Mlp::swiglu);
    const std::int64_t length = *rc::gen::inRange(1, 30), sequences = dp * *rc::gen::inRange(1, 4);
    RankWork sum;
    for (int rank = 0; rank < tp * dp; ++rank) {
      const RankWork work = forward_of_rank(shape, sequences / dp, length, tp, length * (length + 1) / 2);
      sum.gemm += work.gemm;
      sum.attention += work.attention;
    }
    Execution execution = on(tp, {.queries = 1, .keys = 1});
    execution.mesh.dp = dp;
    const FlopCount forward = count(hardware_operations(shape, {sequences, length}, execution), Phase::forward);
    RC_ASSERT(forward.gemm.value == sum.gemm);
    RC_ASSERT(forward.attention.value == sum.attention);
  }));
}

TEST_CASE("with nothing to pad, replicate, tile or recompute, hardware FLOPs are model FLOPs") {
  ModelShape shape = tiny();
  shape.vocabulary = 256;
  const AttentionTiles exact{.queries = 1, .keys = 1, .backward_matmuls = 4};
  for (std::int64_t window : {0, 5}) {
    shape.window = window;
    for (int tp : {1, 2}) CHECK(count(hardware_operations(shape, {6, 12}, on(tp, exact))) == count(model_operations(shape, {6, 12})));
  }
  shape.vocabulary = 257;
  CHECK(count(hardware_operations(shape, {6, 12}, on(1, exact))).gemm > count(model_operations(shape, {6, 12})).gemm);
}

TEST_CASE("key and value projections are executed once a tensor rank when there are fewer key heads than ranks") {
  const auto key = [&](int tp) { return of(hardware_operations(tiny(), {6, 12}, on(tp)), Phase::forward, OperationKind::key, 0); };
  CHECK(key(2) == key(1));
  CHECK(key(4).value == 2 * key(1).value);  // K = 2 on 4 ranks
}

TEST_CASE("recompute adds nothing, the core's forward or the layers' forward, never the head's") {
  const ModelShape shape = tiny();
  const AttentionTiles tiles{.queries = 4, .keys = 4};
  const auto added = [&](Recompute policy) { return count(hardware_operations(shape, {6, 12}, on(2, tiles, policy)), Phase::recompute); };
  const auto list = hardware_operations(shape, {6, 12}, on(2, tiles));
  const FlopCount forward = count(list, Phase::forward);
  CHECK(added(Recompute::none) == FlopCount{});
  CHECK(added(Recompute::selective) == FlopCount{});
  CHECK(added(Recompute::core) == FlopCount{{}, forward.attention, forward.attention_visible});
  CHECK(added(Recompute::full).attention == forward.attention);
  CHECK(added(Recompute::full).gemm + of(list, Phase::forward, OperationKind::head, -1) == forward.gemm);
  // Recompute leaves the rest as it is.
  CHECK(count(hardware_operations(shape, {6, 12}, on(2, tiles, Recompute::full)), Phase::backward) == count(list, Phase::backward));
}

TEST_CASE("work is additive: sequences add up, and a batch is that many sequences") {
  const auto one = count(model_operations(tiny(), {1, 12})), five = count(model_operations(tiny(), {5, 12}));
  CHECK(five.gemm == one.gemm * 5);
  CHECK(five.attention == one.attention * 5);
}

TEST_CASE("a mesh that cannot cut the shape is refused by key") {
  const auto where = [](const Execution& execution) {
    try {
      hardware_operations(tiny(), {6, 12}, execution);
    } catch (const Error& error) {
      CHECK_FALSE(error.hint().empty());
      return error.where();
    }
    return std::string("nothing");
  };
  CHECK(where(on(3)) == "mesh.tp");
  CHECK(where({.mesh = {.cp = 5}}) == "model.sequence");
}

TEST_CASE("context ranks compute the pairs of their blocks, visible ones once, and nothing else changes") {
  const ModelShape shape = tiny();
  const FlopCount one = count(hardware_operations(shape, {6, 12}, on(1, {.queries = 1, .keys = 1})));
  for (const SequenceLayout layout : {SequenceLayout::zigzag, SequenceLayout::striped, SequenceLayout::contiguous}) {
    Execution cut = on(1, {.queries = 1, .keys = 1});
    cut.mesh.cp = 2;
    cut.context.layout = layout;
    CHECK(count(hardware_operations(shape, {6, 12}, cut)) == one);
  }
  // A kernel that skips nothing: by hand, two ranks of 6 rows in two chunks of 3. Each its own square, and half of the other's.
  Execution plain = on(1, {.skips_empty = false});
  const Flops square = count(hardware_operations(shape, {6, 12}, plain)).attention;
  plain.mesh.cp = 2;
  CHECK(count(hardware_operations(shape, {6, 12}, plain)).attention.value * 144 == square.value * (2 * (36 + 18)));
  plain.context.attention = AttentionSharding::ulysses;
  CHECK(count(hardware_operations(shape, {6, 12}, plain)).attention == square);
}

TEST_CASE("every kind has a name of its own, the core is scores and values, what is no kind is a bug") {
  std::set<std::string> names;
  for (int kind = 0; kind <= static_cast<int>(OperationKind::head); ++kind) names.insert(name(static_cast<OperationKind>(kind)));
  CHECK(names.size() == 11);
  CHECK(is_attention_core(OperationKind::attention_scores));
  CHECK(is_attention_core(OperationKind::attention_values));
  CHECK_FALSE(is_attention_core(OperationKind::attention_output));
  CHECK_THROWS_AS(name(static_cast<OperationKind>(99)), Bug);
}
