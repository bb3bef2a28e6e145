// SPDX-License-Identifier: Apache-2.0
// The decoder transformer of one rank: embedding, L blocks, final norm, head with cross-entropy; forward and both halves of backward
// written down.
//
//   x = embedding(tokens) (+ learned positions), dropout
//   L x: x += dropout(attention(norm(x)));  x += dropout(mlp(norm(x)))
//   loss = sum over valid tokens of cross_entropy(head(norm(x)), label) / global valid tokens
//
// After backward a gradient in the store is whole over tp and over kv_replicas: what is left to the caller is the sum over dp x cp. Nothing
// is allocated after the first step of a shape of batch.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "configs/run_config.hpp"
#include "trainer/data/batch.hpp"
#include "trainer/layers/step_context.hpp"
#include "trainer/model/parameter_store.hpp"

namespace ergon {

class Transformer {
 public:
  // The parameters of this tensor rank, in unit order, with their packs.
  struct Declaration {
    std::vector<ParameterSpec> specs;
    std::vector<std::vector<ParameterId>> packs;
    int num_units;
  };
  static Declaration declare(const ModelShape& shape, int tp, int tp_rank);

  // `slots`: microbatches in flight (1 without a pipeline). The store, declared by `declare` for the same shape and rank, must outlive
  // this. Throws Error (key train.recompute) for a policy other than none: the others come with their own plan of memory.
  Transformer(const ModelShape& shape, int tp, int tp_rank, ParameterStore& store, Recompute recompute, int slots = 1);
  ~Transformer();

  // Returns the SUM of the losses of this microbatch's valid tokens (equal on all tensor ranks), and keeps in `slot` what backward needs.
  // The tensors of the batch are kept, not copied: they must stay as they are until backward. Without context.training: no dropout, nothing
  // kept. Sets context.first_sample.
  double forward(const Batch& batch, StepContext& context, int slot = 0);
  // Gradients of sum_loss * loss_scale into the store's gradient views: Write::overwrite on the first microbatch of a step, else
  // accumulate. Calls unit_done(u) once a unit's gradients of this microbatch are complete, head (L+1) first, embedding (0) last; with a
  // tied table unit L+1 holds only the final norm. The slot is free afterwards.
  void backward(StepContext& context, double loss_scale, Write write, const std::function<void(int unit)>& unit_done, int slot = 0);
  // Logits of the last position of each sample, gathered over tp, [B, vocabulary] without padding; nothing is saved.
  at::Tensor next_token_logits(const at::Tensor& tokens_BT, StepContext& context);

  Bytes saved_bytes() const;         // reserved by the slots and by what passes between layers
  std::int64_t allocations() const;  // times their arenas had to grow; constant in the steady state

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace ergon
