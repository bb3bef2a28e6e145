// SPDX-License-Identifier: Apache-2.0
// The decoder transformer of one rank: embedding, L blocks, final norm, head with cross-entropy; forward and both halves of backward written down.
//
//   x = embedding(tokens) (+ learned positions), dropout
//   L x: x += dropout(attention(norm(x)));  x += dropout(mlp(norm(x)))
//   loss = sum over valid tokens of cross_entropy(head(norm(x)), label) / global valid tokens
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "configs/run_config.hpp"
#include "parallel/communicators.hpp"
#include "parallel/local_attention.hpp"
#include "trainer/arena.hpp"
#include "trainer/data/batch.hpp"
#include "trainer/kernels/gemm.hpp"
#include "trainer/model/parameter_store.hpp"

namespace ergon {

// What every layer may use in a step besides its weights.
struct StepContext {
  const Gemm& gemm;
  const LocalAttention& attention;
  Communicator& tp;
  Arena& scratch;
  std::int64_t seed = 1;
  std::int64_t step = 0;          // the step being computed, from 1; part of every dropout counter
  std::int64_t first_sample = 0;  // of this microbatch, within the step
  bool training = true;           // false: no dropout, nothing saved
};

class Transformer {
 public:
  // The parameters of this tensor rank, in unit order, with their packs.
  struct Declaration {
    std::vector<ParameterSpec> specs;
    std::vector<std::vector<ParameterId>> packs;
    int num_units;
  };
  static Declaration declare(const ModelShape& shape, int tp, int tp_rank);

  // `slots`: microbatches in flight (1 without a pipeline).
  Transformer(const ModelShape& shape, int tp, int tp_rank, ParameterStore& store, Recompute recompute, int slots = 1);
  ~Transformer();

  // Returns the SUM of the losses of this microbatch's valid tokens (equal on all tensor ranks), and keeps in `slot` what backward needs.
  double forward(const Batch& batch, StepContext& context, int slot = 0);
  // Gradients of sum_loss * loss_scale into the store's gradient views: Write::overwrite on the first microbatch of a step, else accumulate. Calls
  // unit_done(u) once a unit's gradients of this microbatch are complete, head first. The slot is free afterwards.
  void backward(StepContext& context, double loss_scale, Write write, const std::function<void(int unit)>& unit_done, int slot = 0);
  // Logits of the last position of each sample, gathered over tp, [B, vocabulary] without padding; nothing is saved.
  at::Tensor next_token_logits(const at::Tensor& tokens_BT, StepContext& context);

  Bytes saved_bytes() const;  // held by slots

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace ergon
