// SPDX-License-Identifier: Apache-2.0
// What every layer may use in a step besides its weights (StepContext), and what one call of a layer works with (LayerCall).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "configs/run_config.hpp"
#include "parallel/communicator.hpp"
#include "parallel/context_parallel/strategy.hpp"
#include "trainer/arena.hpp"
#include "trainer/data/batch.hpp"
#include "trainer/kernels/dropout.hpp"
#include "trainer/kernels/gemm.hpp"
#include "trainer/model/parameter_store.hpp"

namespace ergon {

struct StepContext {
  const Gemm& gemm;
  AttentionStrategy& attention;
  Communicator& tp;
  Arena& scratch;
  Communicator* kv_replicas = nullptr;  // tensor ranks that share this rank's key/value heads; may be null where each head has one owner
  bool sequence_parallel = false;       // between tensor-parallel products a rank has its part of the rows (trainer/layers/stream.hpp)
  std::int64_t seed = 1;
  std::int64_t step = 0;          // the step being computed, from 1; part of every dropout counter
  std::int64_t first_sample = 0;  // of this microbatch, within the step; Transformer sets it from the batch, in backward from the slot
  bool training = true;           // false: no dropout, nothing saved
};

// One call of one layer. Tensors that a later call of the same layer reads (backward, or backward_weight after backward_input) are taken
// from `keep`; what the call alone needs comes from step.scratch within a frame. `keep` is never step.scratch.
struct LayerCall {
  const ParameterStore& store;
  StepContext& step;
  Arena& keep;
  const at::Tensor& positions_BT;  // int64, within the sample, contiguous: what dropout counts by
  // What forward leaves out of `keep` and backward_input rebuilds there: nothing, or what `selective` or `core` name. Never `full`, which
  // is the caller's: it calls forward again (trainer/model/transformer.cpp).
  Recompute recompute = Recompute::none;
  DocumentMasks documents = {};

  std::int64_t samples() const { return positions_BT.size(0); }
  std::int64_t length() const { return positions_BT.size(1); }
  std::int64_t rows() const { return positions_BT.numel(); }  // N = B x T
  // What embeddings and rotations know of a token's place.
  const at::Tensor& encoded_positions() const { return documents.positions_BT.defined() ? documents.positions_BT : positions_BT; }
  bool parted() const { return step.sequence_parallel && step.tp.size() > 1; }
  std::int64_t stream_rows() const { return parted() ? rows() / step.tp.size() : rows(); }  // of the residual stream, on this rank
  at::ScalarType dtype() const { return store.dtype(); }                                    // of activations
  at::ScalarType accumulator() const { return store.accumulator(); }  // of statistics, logits, gradients of parameters
  at::Tensor keep_tensor(at::IntArrayRef sizes) const { return keep.take(sizes, dtype()); }
  at::Tensor keep_accumulator(at::IntArrayRef sizes) const { return keep.take(sizes, accumulator()); }
  bool rebuilds(Recompute least) const { return recompute >= least; }
  // What a policy from `least` on rebuilds: kept, or taken from scratch, where the caller has a frame.
  at::Tensor rebuilt_tensor(at::IntArrayRef sizes, Recompute least) const {
    return rebuilds(least) ? scratch_tensor(sizes) : keep_tensor(sizes);
  }
  at::Tensor rebuilt_accumulator(at::IntArrayRef sizes, Recompute least) const {
    return rebuilds(least) ? scratch_accumulator(sizes) : keep_accumulator(sizes);
  }
  at::Tensor scratch_tensor(at::IntArrayRef sizes) const { return step.scratch.take(sizes, dtype()); }
  at::Tensor scratch_accumulator(at::IntArrayRef sizes) const { return step.scratch.take(sizes, accumulator()); }
  // Views of tensors that lie at the same place in every step; x is contiguous for view.
  at::Tensor view(const at::Tensor& x, at::IntArrayRef sizes) const { return step.scratch.headers().view(x, sizes); }
  at::Tensor narrow(const at::Tensor& x, std::int64_t dim, std::int64_t start, std::int64_t length) const {
    return step.scratch.headers().narrow(x, dim, start, length);
  }
  at::Tensor select(const at::Tensor& x, std::int64_t index) const { return step.scratch.headers().select(x, index); }
};

// The counter of one dropout site; p is 0 outside training.
Dropout dropout_of(const LayerCall& call, const ModelShape& shape, std::int64_t layer, DropoutSite site);

// The sum over tp, under way; done at once for one rank.
Work sum_over_tp(const LayerCall& call, const at::Tensor& data);

}  // namespace ergon
