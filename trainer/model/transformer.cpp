// SPDX-License-Identifier: Apache-2.0
#include "trainer/model/transformer.hpp"

#include <ATen/ops/arange.h>

#include <deque>
#include <optional>

#include "configs/error.hpp"
#include "trainer/kernels/pointwise.hpp"
#include "trainer/layers/block.hpp"
#include "trainer/layers/embedding.hpp"
#include "trainer/layers/head.hpp"
#include "trainer/model/declaration.hpp"

namespace ergon {
namespace {

// What one microbatch in flight keeps from forward to backward.
struct Slot {
  explicit Slot(at::Device device) : arena(device) {}
  Arena arena;
  EmbeddingSaved embedding;
  std::vector<BlockSaved> blocks;
  HeadSaved head;
  at::Tensor positions_BT;
  std::int64_t first_sample = 0;
  bool live = false;
};

// Gives a unit's weights for a scope.
class Acquired {
 public:
  Acquired(ParameterStore& store, int unit) : store_(store), unit_(unit) { store_.acquire(unit_); }
  ~Acquired() { store_.release(unit_); }
  Acquired(const Acquired&) = delete;
  Acquired& operator=(const Acquired&) = delete;

 private:
  ParameterStore& store_;
  int unit_;
};

void check_batch(const ModelShape& shape, const at::Tensor& tokens_BT, const at::Tensor& positions_BT) {
  ERGON_CHECK(tokens_BT.dim() == 2 && tokens_BT.size(1) <= shape.sequence, "tokens of {} dims, at most {} positions", tokens_BT.dim(),
              shape.sequence);
  ERGON_CHECK(positions_BT.sizes() == tokens_BT.sizes(), "positions and tokens differ in size");
  ERGON_CHECK(tokens_BT.is_contiguous() && positions_BT.is_contiguous(), "tokens and positions must be contiguous");
}

}  // namespace

struct Transformer::Parts {
  Parts(const ModelShape& shape_, int tp, int tp_rank, ParameterStore& store_, ModelDeclaration declared)
      : shape(shape_),
        store(store_),
        passing(store_.device()),
        embedding(shape_, tp, tp_rank, declared.embedding),
        head(shape_, tp, tp_rank, declared.head) {
    if (shape.positions == Positions::rotary)
      rotary.emplace(shape.sequence, shape.head_width, shape.rope_theta, store.accumulator(), store.device());
    for (int layer = 0; layer < shape.layers; ++layer) {
      blocks.emplace_back(shape, tp, tp_rank, layer, rotary ? &*rotary : nullptr, declared.blocks[static_cast<std::size_t>(layer)]);
    }
  }

  int head_unit() const { return static_cast<int>(shape.layers) + 1; }
  LayerCall call(StepContext& context, Arena& keep, const at::Tensor& positions_BT) const { return {store, context, keep, positions_BT}; }
  // The head's table belongs to the embedding's unit when tied.
  template <typename Body>
  auto with_head(const Body& body) {
    const Acquired unit(store, head_unit());
    std::optional<Acquired> table;
    if (shape.tied) table.emplace(store, 0);
    return body();
  }

  at::Tensor forward_kept(const at::Tensor& tokens_BT, Slot& slot, StepContext& context);
  at::Tensor forward_passing(const at::Tensor& tokens_BT, const at::Tensor& positions_BT, StepContext& context);

  ModelShape shape;
  ParameterStore& store;
  Arena passing;  // what passes between layers and no backward needs
  std::optional<RotaryTable> rotary;
  EmbeddingLayer embedding;
  std::vector<BlockLayer> blocks;
  HeadLayer head;
  std::deque<Slot> slots;
};

// The residual stream after the last block; every state of it stays in the slot.
at::Tensor Transformer::Parts::forward_kept(const at::Tensor& tokens_BT, Slot& slot, StepContext& context) {
  const LayerCall layer_call = call(context, slot.arena, slot.positions_BT);
  at::Tensor x_ND = layer_call.keep_tensor({layer_call.rows(), shape.width});
  {
    const Acquired unit(store, 0);
    embedding.forward(x_ND, tokens_BT, slot.embedding, layer_call);
  }
  for (std::size_t layer = 0; layer < blocks.size(); ++layer) {
    const Acquired unit(store, static_cast<int>(layer) + 1);
    const at::Tensor y_ND = layer_call.keep_tensor(x_ND.sizes());
    blocks[layer].forward(y_ND, x_ND, slot.blocks[layer], layer_call);
    x_ND = y_ND;
  }
  return x_ND;
}

// The same, keeping nothing beyond one layer: two states of the residual stream take turns. The caller opens the frame.
at::Tensor Transformer::Parts::forward_passing(const at::Tensor& tokens_BT, const at::Tensor& positions_BT, StepContext& context) {
  const LayerCall layer_call = call(context, passing, positions_BT);
  at::Tensor x_ND = layer_call.keep_tensor({layer_call.rows(), shape.width});
  at::Tensor y_ND = layer_call.keep_tensor(x_ND.sizes());
  {
    const Acquired unit(store, 0);
    EmbeddingSaved unused;
    embedding.forward(x_ND, tokens_BT, unused, layer_call);
  }
  for (std::size_t layer = 0; layer < blocks.size(); ++layer) {
    const Acquired unit(store, static_cast<int>(layer) + 1);
    const Arena::Frame frame(passing);
    BlockSaved unused;
    blocks[layer].forward(y_ND, x_ND, unused, layer_call);
    std::swap(x_ND, y_ND);
  }
  return x_ND;
}

Transformer::Declaration Transformer::declare(const ModelShape& shape, int tp, int tp_rank) {
  ModelDeclaration declared = declare_parameters(shape, tp, tp_rank);
  return {std::move(declared.specs), std::move(declared.packs), declared.num_units};
}

Transformer::Transformer(const ModelShape& shape, int tp, int tp_rank, ParameterStore& store, Recompute recompute, int slots) {
  if (recompute != Recompute::none) {
    throw Error("this build keeps every activation: only the policy none is available", "train.recompute",
                "set train.recompute = \"none\", or lower train.microbatch");
  }
  ModelDeclaration declared = declare_parameters(shape, tp, tp_rank);
  ERGON_CHECK(store.specs().size() == declared.specs.size(), "the store holds {} parameters, the shape declares {}", store.specs().size(),
              declared.specs.size());
  parts_ = std::make_unique<Parts>(shape, tp, tp_rank, store, std::move(declared));
  for (int slot = 0; slot < slots; ++slot) parts_->slots.emplace_back(store.device()).blocks.resize(parts_->blocks.size());
}

Transformer::~Transformer() = default;

double Transformer::forward(const Batch& batch, StepContext& context, int slot_index) {
  Parts& parts = *parts_;
  check_batch(parts.shape, batch.tokens_BT, batch.positions_BT);
  context.first_sample = batch.first_sample;
  const FlopAudit::Scope phase(context.gemm.audit(), context.training ? Phase::forward : Phase::evaluation);
  if (!context.training) {
    const Arena::Frame frame(parts.passing);
    const at::Tensor x_ND = parts.forward_passing(batch.tokens_BT, batch.positions_BT, context);
    HeadSaved unused;
    return parts.with_head(
        [&] { return parts.head.forward(x_ND, batch.labels_BT, unused, parts.call(context, parts.passing, batch.positions_BT)); });
  }
  Slot& slot = parts.slots.at(static_cast<std::size_t>(slot_index));
  ERGON_CHECK(!slot.live, "slot {} still waits for its backward", slot_index);
  slot.arena.reset();
  slot.positions_BT = batch.positions_BT;
  slot.first_sample = batch.first_sample;
  slot.live = true;
  const at::Tensor x_ND = parts.forward_kept(batch.tokens_BT, slot, context);
  return parts.with_head(
      [&] { return parts.head.forward(x_ND, batch.labels_BT, slot.head, parts.call(context, slot.arena, slot.positions_BT)); });
}

void Transformer::backward(StepContext& context, double loss_scale, Write write, const std::function<void(int unit)>& unit_done,
                           int slot_index) {
  Parts& parts = *parts_;
  Slot& slot = parts.slots.at(static_cast<std::size_t>(slot_index));
  ERGON_CHECK(slot.live, "slot {} holds no forward", slot_index);
  context.first_sample = slot.first_sample;
  const FlopAudit::Scope phase(context.gemm.audit(), Phase::backward);
  const Arena::Frame whole_pass(parts.passing);
  const LayerCall call = parts.call(context, parts.passing, slot.positions_BT);
  const at::Tensor d_ND = call.keep_tensor({call.rows(), parts.shape.width});
  {
    const Arena::Frame frame(parts.passing);
    parts.with_head([&] { parts.head.backward(d_ND, loss_scale, slot.head, call, write); });
  }
  unit_done(parts.head_unit());
  for (std::size_t layer = parts.blocks.size(); layer-- > 0;) {
    {
      const Acquired unit(parts.store, static_cast<int>(layer) + 1);
      const Arena::Frame frame(parts.passing);
      parts.blocks[layer].backward(d_ND, slot.blocks[layer], call, write);
    }
    unit_done(static_cast<int>(layer) + 1);
  }
  {
    const Acquired unit(parts.store, 0);
    parts.embedding.backward(d_ND, slot.embedding, call, write);
  }
  unit_done(0);
  slot.live = false;
  slot.arena.reset();
}

at::Tensor Transformer::next_token_logits(const at::Tensor& tokens_BT, StepContext& context) {
  Parts& parts = *parts_;
  const std::int64_t b = tokens_BT.size(0), t = tokens_BT.size(1);
  const at::Tensor positions_BT = at::arange(t, tokens_BT.options()).expand({b, t}).contiguous();
  check_batch(parts.shape, tokens_BT, positions_BT);
  const FlopAudit::Scope phase(context.gemm.audit(), Phase::evaluation);
  StepContext evaluation = context;
  evaluation.training = false;
  const Arena::Frame frame(parts.passing);
  const at::Tensor x_ND = parts.forward_passing(tokens_BT, positions_BT, evaluation);
  const LayerCall call = parts.call(evaluation, parts.passing, positions_BT);
  const at::Tensor last_BD = call.keep_tensor({b, parts.shape.width});
  copy(last_BD, x_ND.view({b, t, parts.shape.width}).select(1, t - 1));
  return parts.with_head([&] { return parts.head.logits(last_BD, call); });
}

Bytes Transformer::saved_bytes() const {
  Bytes total = parts_->passing.reserved();
  for (const Slot& slot : parts_->slots) total += slot.arena.reserved();
  return total;
}

std::int64_t Transformer::allocations() const {
  std::int64_t total = parts_->passing.growths();
  for (const Slot& slot : parts_->slots) total += slot.arena.growths();
  return total;
}

}  // namespace ergon
