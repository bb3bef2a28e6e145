// SPDX-License-Identifier: Apache-2.0
#include "accounting/activation_memory.hpp"

#include <algorithm>

#include "configs/dtype_size.hpp"
#include "parallel/plan/head_exchange.hpp"
#include "parallel/plan/head_partition.hpp"

namespace ergon {
namespace {

constexpr std::int64_t alignment = 64;

// Adds up tensors; the widths are those of one tensor rank.
class Sum {
 public:
  Sum(const ModelShape& shape, const ActivationShare& share)
      : shape_(shape),
        policy_(share.recompute),
        context_(share.context),
        context_rank_(share.context_rank),
        compute_(bytes_of(share.dtype)),
        accumulator_(accumulator_bytes_of(share.dtype)),
        rows_(share.samples * share.length),
        parted_(share.sequence_parallel && share.tp > 1),
        stream_rows_(parted_ ? rows_ / share.tp : rows_),
        heads_(partition_heads(shape.heads, shape.kv_heads, share.tp, share.tp_rank)),
        ffn_(partition_columns(shape.ffn_width, share.tp, share.tp_rank, "mesh.tp").count),
        vocabulary_(partition_vocabulary(shape.vocabulary, share.tp, share.tp_rank).rows) {}

  void embedding() { stream(); }

  // `leaves`: its output goes to the next chunk.
  void layer(bool leaves) {
    if (!leaves) stream();
    if (policy_ != Recompute::full) inside_layer(policy_);
  }

  void layer_between_halves() {
    if (policy_ == Recompute::full) {
      stream();  // its output once more
      inside_layer(Recompute::none);
    }
    for (int branch = 0; branch < 2; ++branch) {
      if (rebuilds()) stream();  // the output of its norm
      stream();                  // the gradient of the branch
      stream();                  // and of its input
      if (parted_) whole_stream();
      if (parted_) whole_stream();
    }
    if (rebuilds()) add(rows_ * ffn_, compute_);
    if (policy_ == Recompute::core) core();
    if (shape_.mlp == Mlp::gelu) add(rows_ * ffn_, compute_);
    packed_heads();
  }

  void head() {
    norm(policy_);
    add(rows_ * vocabulary_, accumulator_);  // logits: to rebuild them would be a product
    add(rows_, accumulator_);                // maxima
    add(2 * rows_, accumulator_);            // sums of exponentials, and the labels' logits
  }

  void head_between_halves() {
    stream();  // the gradient of the norm's output
    if (compute_ != accumulator_) add(rows_ * vocabulary_, compute_);
    if (parted_) whole_stream();
    if (policy_ != Recompute::none) stream();  // that output
  }

  void whole_model_between_halves() { stream(); }  // nobody gives it the gradient's memory

  Bytes bytes() const { return Bytes{bytes_}; }

 private:
  void add(std::int64_t elements, std::int64_t element_size) {
    bytes_ += (elements * element_size + alignment - 1) / alignment * alignment;
  }
  void stream() { add(stream_rows_ * shape_.width, compute_); }
  void whole_stream() { add(rows_ * shape_.width, compute_); }
  void norm(Recompute policy) {
    if (policy == Recompute::none) stream();
    add(stream_rows_, accumulator_);
    if (shape_.norm == Norm::layernorm) add(stream_rows_, accumulator_);
  }
  void packed_heads() { add(rows_ * (heads_.num_query + 2 * heads_.num_kv) * shape_.head_width, compute_); }
  void core() {
    const std::int64_t q = shape_.head_width;
    add(rows_ * heads_.num_query * q, accumulator_);
    const int exchanging = context_.cp > 1 ? context_.exchanging() : 1;
    const std::int64_t rows = rows_ * exchanging;  // of the ranks that exchange heads
    HeadRange mine{0, heads_.num_query, 0, heads_.num_kv};
    if (exchanging > 1) {
      mine = exchanged_heads(heads_.num_query, heads_.num_kv, exchanging, context_rank_ % exchanging);
      add(rows * (mine.num_query + 2 * mine.num_kv) * q, compute_);
      add(rows * mine.num_query * q, accumulator_);
    }
    add(rows * mine.num_query, accumulator_);  // log-sum-exps
    const bool rings = context_.cp > exchanging && context_.attention != AttentionSharding::gather_kv;
    if (rings) add(2 * rows * mine.num_kv * q, compute_);  // the block that arrived last
  }
  // Without its output.
  void inside_layer(Recompute policy) {
    stream();  // the middle
    for (int i = 0; i < 2; ++i) norm(policy);
    packed_heads();
    if (policy < Recompute::core) core();
    add(rows_ * (shape_.mlp == Mlp::swiglu ? 2 : 1) * ffn_, compute_);
    if (policy == Recompute::none) add(rows_ * ffn_, compute_);
  }
  // What the halves themselves rebuild; `full` runs a layer's forward again.
  bool rebuilds() const { return policy_ == Recompute::selective || policy_ == Recompute::core; }

  const ModelShape& shape_;
  Recompute policy_;
  ContextSharding context_;
  int context_rank_;
  std::int64_t compute_, accumulator_, rows_;
  bool parted_;
  std::int64_t stream_rows_;
  HeadPartition heads_;
  std::int64_t ffn_, vocabulary_;
  std::int64_t bytes_ = 0;
};

}  // namespace

Bytes kept_activations(const ModelShape& shape, const StageChunk& chunk, const ActivationShare& share) {
  Sum sum(shape, share);
  if (chunk.embedding) sum.embedding();
  for (std::int64_t layer = 0; layer < chunk.num_layers; ++layer) sum.layer(layer + 1 == chunk.num_layers && !chunk.head);
  if (chunk.head) sum.head();
  return sum.bytes();
}

Bytes kept_between_halves(const ModelShape& shape, const StageChunk& chunk, const ActivationShare& share) {
  Sum sum(shape, share);
  if (chunk.embedding && chunk.head) sum.whole_model_between_halves();
  if (chunk.head) sum.head_between_halves();
  for (std::int64_t layer = 0; layer < chunk.num_layers; ++layer) sum.layer_between_halves();
  if (chunk.embedding) sum.embedding();  // the gradient of its output
  return sum.bytes();
}

Bytes most_kept(const PipelinePlan& plan, int stage, const std::vector<Bytes>& kept, const std::vector<Bytes>& between_halves) {
  using Kind = PipelineAction::Kind;
  Bytes now{}, most{};
  for (const PipelineAction& action : plan.actions.at(static_cast<std::size_t>(stage))) {
    const auto chunk = static_cast<std::size_t>(action.chunk);
    const Bytes halves = plan.split ? between_halves.at(chunk) : Bytes{};
    switch (action.kind) {
      case Kind::forward:
        now += kept.at(chunk);
        break;
      case Kind::backward_input:
        now += halves;
        break;
      case Kind::backward_weight:
        now = now - kept.at(chunk) - halves;
        break;
    }
    most = std::max(most, now);
  }
  return most;
}

}  // namespace ergon
