// SPDX-License-Identifier: Apache-2.0
// Every counted operation of the transformer, from shapes alone: a list of (phase, kind, layer, exact FLOPs). Conventions, model FLOPs and
// hardware FLOPs are sums over this list. A multiply-add is two FLOPs; a projection is 2mnk forward and twice that backward (input and
// weight); the embedding is a lookup. Norms, pointwise work and the optimizer are not in it.
//
// Invariants: counts are integers and cover all ranks together. GEMM operations have visible == flops.
//
// Example: one sequence of T = 4, causal: 10 visible pairs. H = 2, Q = 8: attention_scores forward = 2 * 8 * 2 * 10 = 320.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "accounting/phase.hpp"
#include "configs/model_shape.hpp"
#include "configs/quantities.hpp"
#include "configs/run_config.hpp"
#include "parallel/plan/context_blocks.hpp"
#include "parallel/plan/mesh.hpp"

namespace ergon {

enum class OperationKind : std::uint8_t {
  embedding,
  query,
  key,
  value,
  attention_scores,
  attention_values,
  attention_output,
  mlp_gate,
  mlp_up,
  mlp_down,
  head
};
const char* name(OperationKind kind);
bool is_attention_core(OperationKind kind);  // scores and values: counted by kernels; all others by the GEMM door

struct Operation {
  Phase phase;
  OperationKind kind;
  int layer;  // -1 outside the layers
  Flops flops;
  Flops visible;  // the same with visible pairs only
};

// What a step works on, over all ranks: `sequences` of `length` tokens (SPEC letters: B and T).
struct Workload {
  std::int64_t sequences = 1;
  std::int64_t length = 0;
  // Of a head, over all sequences, where documents are kept apart; empty: what the shape's mask leaves of whole sequences.
  std::optional<PairCount> pairs = {};
};

enum class Pass : std::uint8_t { training, evaluation };  // evaluation: forward only

// How a step is executed; every field moves hardware FLOPs and none moves model FLOPs.
struct Execution {
  MeshSizes mesh = {};
  AttentionTiles tiles = {};
  Recompute recompute = Recompute::none;
  ContextSharding context = {};  // its cp is overridden by mesh.cp
};

// (query, key) pairs of one causal sequence and head; window 0: all earlier keys.
std::int64_t causal_pairs(std::int64_t length, std::int64_t window);
// The same of the model's mask: all pairs where it is not causal.
std::int64_t sequence_pairs(const AttentionRule& rule, std::int64_t length);

// What the mathematics asks for: visible pairs, plain backward (twice the forward), no padding, no recompute.
std::vector<Operation> model_operations(const ModelShape& shape, Workload work, Pass pass = Pass::training);

// What the ranks execute, summed over them: padded vocabulary, replicated key/value heads, tiles, blocks of context ranks, flash backward,
// recompute. Recompute adds, per layer: none and selective nothing (they rebuild no matrix product), core the attention core's forward,
// full the layer's whole forward. Throws Error (mesh.tp, model.sequence) for a mesh that cannot cut the shape.
std::vector<Operation> hardware_operations(const ModelShape& shape, Workload work, const Execution& execution, Pass pass = Pass::training);

struct FlopCount {
  Flops gemm, attention;
  Flops attention_visible;  // attention with visible pairs only
  Flops total() const { return gemm + attention; }
  bool operator==(const FlopCount&) const = default;
};
FlopCount count(const std::vector<Operation>& operations);
FlopCount count(const std::vector<Operation>& operations, Phase phase);

}  // namespace ergon
