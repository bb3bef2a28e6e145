// SPDX-License-Identifier: Apache-2.0
#include "accounting/activation_memory.hpp"

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
        compute_(share.dtype == DType::float64   ? 8
                 : share.dtype == DType::float32 ? 4
                                                 : 2),
        accumulator_(share.dtype == DType::float64 ? 8 : 4),
        rows_(share.samples * share.length),
        stream_rows_(share.sequence_parallel ? rows_ / share.tp : rows_),
        heads_(partition_heads(shape.heads, shape.kv_heads, share.tp, share.tp_rank)),
        ffn_(partition_columns(shape.ffn_width, share.tp, share.tp_rank, "mesh.tp").count),
        vocabulary_(partition_vocabulary(shape.vocabulary, share.tp, share.tp_rank).rows) {}

  void embedding() { stream(); }

  // `leaves`: its output goes to the next chunk.
  void layer(bool leaves) {
    if (!leaves) stream();
    if (policy_ == Recompute::full) return;
    const std::int64_t q = shape_.head_width;
    stream();  // the middle
    for (int i = 0; i < 2; ++i) norm();
    add(rows_ * (heads_.num_query + 2 * heads_.num_kv) * q, compute_);
    if (policy_ < Recompute::core) {
      add(rows_ * heads_.num_query * q, accumulator_);
      add(rows_ * heads_.num_query, accumulator_);
    }
    add(rows_ * (shape_.mlp == Mlp::swiglu ? 2 : 1) * ffn_, compute_);
    if (policy_ == Recompute::none) add(rows_ * ffn_, compute_);
  }

  void head() {
    norm();
    add(rows_ * vocabulary_, accumulator_);  // logits: to rebuild them would be a product
    add(rows_, accumulator_);                // maxima
    add(2 * rows_, accumulator_);            // sums of exponentials, and the labels' logits
  }

  Bytes bytes() const { return Bytes{bytes_}; }

 private:
  void add(std::int64_t elements, std::int64_t element_size) {
    bytes_ += (elements * element_size + alignment - 1) / alignment * alignment;
  }
  void stream() { add(stream_rows_ * shape_.width, compute_); }
  void norm() {
    if (policy_ == Recompute::none) stream();
    add(stream_rows_, accumulator_);
    if (shape_.norm == Norm::layernorm) add(stream_rows_, accumulator_);
  }

  const ModelShape& shape_;
  Recompute policy_;
  std::int64_t compute_, accumulator_, rows_, stream_rows_;
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

}  // namespace ergon
