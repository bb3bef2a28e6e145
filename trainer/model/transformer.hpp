// SPDX-License-Identifier: Apache-2.0
// The decoder transformer, or the chunks of it that a pipeline stage holds: embedding, L blocks, final norm, head with cross-entropy;
// forward and both halves of backward written down.
//
//   x = embedding(tokens) (+ learned positions), dropout
//   L x: x += dropout(attention(norm(x)));  x += dropout(mlp(norm(x)))
//   loss = sum over valid tokens of cross_entropy(head(norm(x)), label) / global valid tokens
//
// After backward a gradient in the store is whole over tp and over kv_replicas, but for what its parameter declares (PartialOver): those
// sums and the one over dp x cp are left to the caller. Nothing is allocated after the first step of a shape of batch.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "configs/run_config.hpp"
#include "trainer/data/batch.hpp"
#include "trainer/layers/step_context.hpp"
#include "trainer/model/parameter_store.hpp"
#include "trainer/model/placement.hpp"

namespace ergon {

class Transformer {
 public:
  // The parameters of this rank, in unit order, with their packs.
  struct Declaration {
    std::vector<ParameterSpec> specs;
    std::vector<std::vector<ParameterId>> packs;
    UnitPlan units;
    int tied_table_unit;  // of the last of several stages; -1: none. Its gradient is done with the head's, no chunk announces it
  };
  static Declaration declare(const ModelShape& shape, const Placement& placement);
  static Declaration declare(const ModelShape& shape, int tp, int tp_rank) { return declare(shape, {.tp = tp, .tp_rank = tp_rank}); }

  // `slots`: chunks of microbatches in flight. The store, declared by `declare` for the same shape and placement, must outlive this.
  Transformer(const ModelShape& shape, const Placement& placement, ParameterStore& store, Recompute recompute, int slots = 1);
  Transformer(const ModelShape& shape, int tp, int tp_rank, ParameterStore& store, Recompute recompute, int slots = 1)
      : Transformer(shape, {.tp = tp, .tp_rank = tp_rank}, store, recompute, slots) {}
  ~Transformer();

  // What passes between chunks: undefined in front of the embedding and behind the head.
  struct Boundary {
    int chunk = 0;
    at::Tensor x_ND{}, y_ND{};
  };
  using UnitDone = std::function<void(int unit)>;

  // Returns the SUM of the losses of this microbatch's valid tokens (equal on all tensor ranks; 0 of a chunk without the head), and keeps
  // in `slot` what backward needs. The tensors of the batch and x are kept, not copied: nobody may change them before backward. Without
  // context.training: no dropout, nothing kept. Sets context.first_sample.
  double forward(const Batch& batch, StepContext& context, int slot = 0) { return forward(Boundary(), batch, context, slot); }
  double forward(const Boundary& boundary, const Batch& batch, StepContext& context, int slot);
  // Gradients of sum_loss * loss_scale into the store's gradient views: Write::overwrite on the first microbatch of a step, else
  // accumulate. d comes as the gradient of y and leaves as that of x; undefined: the chunk is the whole model. Calls unit_done(u) once a
  // unit's gradients of this microbatch are complete, last unit first; with a tied table the head's unit holds only the final norm. The
  // slot is free afterwards.
  void backward(StepContext& context, double loss_scale, Write write, const UnitDone& unit_done, int slot = 0) {
    backward(context, loss_scale, write, unit_done, slot, at::Tensor());
  }
  void backward(StepContext& context, double loss_scale, Write write, const UnitDone& unit_done, int slot, const at::Tensor& d_ND);
  // The two halves; what the second needs of the first stays in the slot, all layers at once.
  void backward_input(StepContext& context, double loss_scale, int slot, const at::Tensor& d_ND);
  void backward_weight(StepContext& context, Write write, const UnitDone& unit_done, int slot);
  // Which unit's weights the first layer of a pass reads; one that was announced begins to come with the last layer of the pass before.
  int first_unit_of_forward(int chunk) const;
  int first_unit_of_backward(int chunk) const;
  void announce(int unit);  // ParameterStore::no_unit: none
  // Logits of the last position of each sample, gathered over tp, [B, vocabulary] without padding; nothing is saved. Of a whole model.
  at::Tensor next_token_logits(const at::Tensor& tokens_BT, StepContext& context);

  Bytes saved_bytes() const;  // reserved by the slots and by what passes between layers
  // Taken by a microbatch in flight, and besides from its backward_input to its backward_weight: accounting/activation_memory.hpp predicts
  // both.
  Bytes kept_bytes(int slot) const;
  Bytes kept_between_halves(int slot) const;
  std::int64_t allocations() const;  // times their arenas had to grow; constant in the steady state

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace ergon
