// SPDX-License-Identifier: Apache-2.0
#include "accounting/operations.hpp"

#include <algorithm>

#include "configs/error.hpp"
#include "parallel/plan/head_partition.hpp"

namespace ergon {
namespace {

// The widths of all ranks together, and how attention is computed. FLOPs of everything follow from these.
struct Widths {
  std::int64_t query, key_value, ffn, vocabulary;  // columns of the projections, summed over tensor ranks
  PairCount pairs;                                 // of a head, over all sequences
  int forward_matmuls, backward_matmuls;           // of the attention core, per pair
};

class List {
 public:
  List(const ModelShape& shape, Workload work, const Widths& widths) : shape_(shape), work_(work), widths_(widths) {}

  // One pass over the model: GEMMs `gemms` times, the core with its products split between scores and values.
  void model(Phase phase, int gemms, int scores, int values) {
    add(phase, OperationKind::embedding, -1, {});
    for (int layer = 0; layer < shape_.layers; ++layer) this->layer(phase, layer, gemms, scores, values);
    projection(phase, OperationKind::head, -1, gemms, widths_.vocabulary);
  }

  void layer(Phase phase, int layer, int gemms, int scores, int values) {
    projection(phase, OperationKind::query, layer, gemms, widths_.query);
    projection(phase, OperationKind::key, layer, gemms, widths_.key_value);
    projection(phase, OperationKind::value, layer, gemms, widths_.key_value);
    core(phase, layer, scores, values);
    projection(phase, OperationKind::attention_output, layer, gemms, widths_.query);
    if (shape_.mlp == Mlp::swiglu) projection(phase, OperationKind::mlp_gate, layer, gemms, widths_.ffn);
    projection(phase, OperationKind::mlp_up, layer, gemms, widths_.ffn);
    projection(phase, OperationKind::mlp_down, layer, gemms, widths_.ffn);
  }

  void core(Phase phase, int layer, int scores, int values) {
    const Flops per_pair = Flops{2} * shape_.heads * shape_.head_width;
    const auto add_core = [&](OperationKind kind, int matmuls) {
      operations_.push_back({phase, kind, layer, per_pair * matmuls * widths_.pairs.computed, per_pair * matmuls * widths_.pairs.visible});
    };
    add_core(OperationKind::attention_scores, scores);
    add_core(OperationKind::attention_values, values);
  }

  // Of the values' products there is one forward (P V) and two backward (dP, dV); the rest concerns the scores.
  void forward(Phase phase) { model(phase, 1, widths_.forward_matmuls - 1, 1); }
  void backward() { model(Phase::backward, 2, widths_.backward_matmuls - 2, 2); }

  void recompute(Recompute policy) {
    for (int l = 0; l < shape_.layers; ++l) {
      if (policy == Recompute::core) core(Phase::recompute, l, widths_.forward_matmuls - 1, 1);
      if (policy == Recompute::full) layer(Phase::recompute, l, 1, widths_.forward_matmuls - 1, 1);
    }
  }

  std::vector<Operation> take() { return std::move(operations_); }

 private:
  // [tokens, D] x [D, columns], or its transpose: the same product of sizes.
  void projection(Phase phase, OperationKind kind, int layer, int gemms, std::int64_t columns) {
    add(phase, kind, layer, Flops{2} * gemms * work_.sequences * work_.length * shape_.width * columns);
  }
  void add(Phase phase, OperationKind kind, int layer, Flops flops) { operations_.push_back({phase, kind, layer, flops, flops}); }

  const ModelShape& shape_;
  Workload work_;
  Widths widths_;
  std::vector<Operation> operations_;
};

std::vector<Operation> list(const ModelShape& shape, Workload work, const Widths& widths, Pass pass, Recompute policy) {
  List list(shape, work, widths);
  if (pass == Pass::evaluation) {
    list.forward(Phase::evaluation);
  } else {
    list.forward(Phase::forward);
    list.recompute(policy);
    list.backward();
  }
  return list.take();
}

}  // namespace

const char* name(OperationKind kind) {
  switch (kind) {
    case OperationKind::embedding:
      return "embedding";
    case OperationKind::query:
      return "query";
    case OperationKind::key:
      return "key";
    case OperationKind::value:
      return "value";
    case OperationKind::attention_scores:
      return "attention_scores";
    case OperationKind::attention_values:
      return "attention_values";
    case OperationKind::attention_output:
      return "attention_output";
    case OperationKind::mlp_gate:
      return "mlp_gate";
    case OperationKind::mlp_up:
      return "mlp_up";
    case OperationKind::mlp_down:
      return "mlp_down";
    case OperationKind::head:
      return "head";
  }
  ERGON_CHECK(false, "operation kind {}", static_cast<int>(kind));
  return "";
}

bool is_attention_core(OperationKind kind) { return kind == OperationKind::attention_scores || kind == OperationKind::attention_values; }

std::int64_t causal_pairs(std::int64_t length, std::int64_t window) {
  const std::int64_t w = window == 0 ? length : std::min(window, length);
  return w * length - w * (w - 1) / 2;
}

std::int64_t sequence_pairs(const AttentionRule& rule, std::int64_t length) {
  return rule.causal ? causal_pairs(length, rule.window) : length * length;
}

std::vector<Operation> model_operations(const ModelShape& shape, Workload work, Pass pass) {
  const std::int64_t pairs = work.pairs ? work.pairs->visible : sequence_pairs(attention_rule(shape), work.length) * work.sequences;
  const Widths widths{.query = shape.heads * shape.head_width,
                      .key_value = shape.kv_heads * shape.head_width,
                      .ffn = shape.ffn_width,
                      .vocabulary = shape.vocabulary,
                      .pairs = {pairs, pairs},
                      .forward_matmuls = 2,
                      .backward_matmuls = 4};
  return list(shape, work, widths, pass, Recompute::none);
}

std::vector<Operation> hardware_operations(const ModelShape& shape, Workload work, const Execution& execution, Pass pass) {
  const int tp = execution.mesh.tp;
  std::int64_t kv_heads = 0;
  for (int rank = 0; rank < tp; ++rank) kv_heads += partition_heads(shape.heads, shape.kv_heads, tp, rank).num_kv;
  partition_columns(shape.ffn_width, tp, 0, "mesh.tp");
  ContextSharding context = execution.context;
  context.cp = execution.mesh.cp;
  const PairCount pairs =
      work.pairs ? *work.pairs : count_pairs(context, work.length, attention_rule(shape), execution.tiles) * work.sequences;
  const Widths widths{.query = shape.heads * shape.head_width,
                      .key_value = kv_heads * shape.head_width,
                      .ffn = shape.ffn_width,
                      .vocabulary = partition_vocabulary(shape.vocabulary, tp, 0).padded,
                      .pairs = pairs,
                      .forward_matmuls = execution.tiles.forward_matmuls,
                      .backward_matmuls = execution.tiles.backward_matmuls};
  return list(shape, work, widths, pass, execution.recompute);
}

FlopCount count(const std::vector<Operation>& operations) {
  FlopCount total;
  for (const Operation& operation : operations) {
    if (is_attention_core(operation.kind)) {
      total.attention += operation.flops;
      total.attention_visible += operation.visible;
    } else {
      total.gemm += operation.flops;
    }
  }
  return total;
}

FlopCount count(const std::vector<Operation>& operations, Phase phase) {
  std::vector<Operation> of_phase;
  std::copy_if(operations.begin(), operations.end(), std::back_inserter(of_phase), [&](const Operation& o) { return o.phase == phase; });
  return count(of_phase);
}

}  // namespace ergon
