// SPDX-License-Identifier: Apache-2.0
#include "trainer/model/transformer.hpp"

#include <ATen/ops/arange.h>

#include <algorithm>
#include <deque>
#include <optional>

#include "configs/error.hpp"
#include "trainer/kernels/pointwise.hpp"
#include "trainer/model/declaration.hpp"
#include "trainer/model/slot.hpp"

namespace ergon {
namespace {

void check_batch(const ModelShape& shape, const Batch& batch) {
  const at::Tensor &tokens_BT = batch.tokens_BT, &positions_BT = batch.positions_BT;
  ERGON_CHECK(tokens_BT.dim() == 2 && tokens_BT.size(1) <= shape.sequence, "tokens of {} dims, at most {} positions", tokens_BT.dim(),
              shape.sequence);
  ERGON_CHECK(positions_BT.sizes() == tokens_BT.sizes(), "positions and tokens differ in size");
  ERGON_CHECK(tokens_BT.is_contiguous() && positions_BT.is_contiguous(), "tokens and positions must be contiguous");
  const DocumentMasks& documents = batch.documents;
  ERGON_CHECK(documents.positions_BT.defined() == (documents.rules != nullptr), "documents have rules and positions, or neither");
  ERGON_CHECK(!documents.rules || (std::ssize(*documents.rules) == tokens_BT.size(0) && documents.positions_BT.is_contiguous() &&
                                   documents.positions_BT.sizes() == tokens_BT.sizes()),
              "documents of {} samples in a batch of {}", documents.rules ? documents.rules->size() : 0, tokens_BT.size(0));
}

}  // namespace

struct Transformer::Parts {
  Parts(const ModelShape& shape, const Placement& placement, ParameterStore& store, Recompute recompute, ModelDeclaration declared);

  // Which blocks of the stage a chunk has, and what besides.
  struct Chunk {
    StageChunk part;
    std::size_t first_block, end_block;
  };
  const Chunk& chunk(const Slot& slot) const { return chunks[static_cast<std::size_t>(slot.chunk)]; }
  int block_unit(std::size_t block) const { return first_block_unit + static_cast<int>(block); }
  LayerCall call(StepContext& context, Arena& keep, const Batch& batch) const {
    return {store, context, keep, batch.positions_BT, Recompute::none, batch.documents};
  }
  // A call whose forward keeps in the slot what the policy says. `full` keeps nothing: a block's forward is called for the moment, and in
  // backward again.
  LayerCall kept_call(StepContext& context, Slot& slot) {
    if (recompute == Recompute::full) return call(context, passing, slot.batch);
    return {store, context, slot.arena, slot.batch.positions_BT, recompute, slot.batch.documents};
  }
  // The head keeps its logits under every policy: they are a product. The output of its norm it rebuilds.
  LayerCall head_call(StepContext& context, Slot& slot, Arena& keep) const {
    return {store, context, keep, slot.batch.positions_BT, std::min(recompute, Recompute::selective), slot.batch.documents};
  }
  // Which weights are read next, in forward and in backward: the embedding's backward reads none.
  int after_block(const Chunk& chunk, std::size_t block) const {
    if (block + 1 < chunk.end_block) return block_unit(block + 1);
    return chunk.part.head ? before_head(chunk) : announced;
  }
  // The head's table on a stage of its own is far larger than its norm: it comes first.
  int before_head(const Chunk& chunk) const { return shape.tied && !chunk.part.embedding ? table_unit : head_unit; }
  int before_block(const Chunk& chunk, std::size_t block) const { return block > chunk.first_block ? block_unit(block - 1) : announced; }
  // What embedding and head of one stage share, held over both.
  void hold_table(const Chunk& chunk, std::optional<Acquired>& table) {
    if (shape.tied && chunk.part.embedding && chunk.part.head) table.emplace(store, table_unit, first_block_unit);
  }
  template <typename Body>
  void with_embedding(const Body& body) {
    const bool apart = positions_unit != ParameterStore::no_unit && positions_unit != table_unit;
    const Acquired table(store, table_unit, apart ? positions_unit : first_block_unit);
    std::optional<Acquired> positions;
    if (apart) positions.emplace(store, positions_unit, first_block_unit);
    body();
  }
  // The head's table belongs to a unit of its own, or to the embedding's, when tied. `next`: whose weights come meanwhile.
  template <typename Body>
  auto with_head(const Body& body, int next) {
    const Acquired unit(store, head_unit, shape.tied ? table_unit : next);
    std::optional<Acquired> table;
    if (shape.tied) table.emplace(store, table_unit, next);
    return body();
  }
  void embedding_done(const UnitDone& unit_done) const {
    if (positions_unit != ParameterStore::no_unit && positions_unit != table_unit) unit_done(positions_unit);
    unit_done(table_unit);
  }

  at::Tensor forward_kept(const Boundary& boundary, const Batch& batch, Slot& slot, StepContext& context);
  at::Tensor forward_passing(const Boundary& boundary, const Batch& batch, StepContext& context);
  LayerCall rebuilt_call(std::size_t block, Slot& slot, StepContext& context, Arena& keep);
  Slot& slot_in(int index, Slot::State state);
  void free(Slot& slot);

  ModelShape shape;
  ParameterStore& store;
  Recompute recompute;
  Arena passing;  // what passes between layers and no backward needs
  int table_unit, positions_unit, first_block_unit, head_unit, announced = ParameterStore::no_unit;
  std::optional<RotaryTable> rotary;
  EmbeddingLayer embedding;
  std::vector<BlockLayer> blocks;
  HeadLayer head;
  std::vector<Chunk> chunks;
  std::deque<Slot> slots;
};

Transformer::Parts::Parts(const ModelShape& shape_, const Placement& p, ParameterStore& store_, Recompute recompute_,
                          ModelDeclaration declared)
    : shape(shape_),
      store(store_),
      recompute(recompute_),
      passing(store_.device()),
      table_unit(declared.table_unit),
      positions_unit(declared.positions_unit),
      first_block_unit(declared.first_block_unit),
      head_unit(declared.head_unit),
      embedding(shape_, p.tp, p.tp_rank, declared.embedding, /*after_head=*/shape_.tied && p.pp == 1),
      head(shape_, p.tp, p.tp_rank, declared.head) {
  if (shape.positions == Positions::rotary)
    rotary.emplace(shape.sequence, shape.head_width, shape.rope_theta, store.accumulator(), store.device());
  for (const StageChunk& part : declared.chunks) {
    const std::size_t first = blocks.size();
    for (std::int64_t i = 0; i < part.num_layers; ++i)
      blocks.emplace_back(shape, p.tp, p.tp_rank, static_cast<int>(part.first_layer + i), rotary ? &*rotary : nullptr,
                          declared.blocks[blocks.size()]);
    chunks.push_back({part, first, blocks.size()});
  }
}

// The residual stream after the chunk's last block; every state of it stays in the slot, and of a block what the policy keeps.
at::Tensor Transformer::Parts::forward_kept(const Boundary& boundary, const Batch& batch, Slot& slot, StepContext& context) {
  const Chunk& here = chunk(slot);
  const LayerCall layer_call = call(context, slot.arena, slot.batch);
  at::Tensor x_ND = boundary.x_ND;
  if (here.part.embedding) {
    x_ND = layer_call.keep_tensor({layer_call.stream_rows(), shape.width});
    with_embedding([&] { embedding.forward(x_ND, batch.tokens_BT, slot.embedding, layer_call); });
  }
  for (std::size_t block = here.first_block; block < here.end_block; ++block) {
    const Acquired unit(store, block_unit(block), after_block(here, block));
    const Arena::Frame frame(passing);
    const bool leaves = block + 1 == here.end_block && !here.part.head;
    const at::Tensor y_ND = leaves ? boundary.y_ND : layer_call.keep_tensor(x_ND.sizes());
    slot.blocks[block].x_ND = x_ND;
    blocks[block].forward(y_ND, x_ND, slot.blocks[block].saved, kept_call(context, slot));
    x_ND = y_ND;
  }
  return x_ND;
}

// The same, keeping nothing beyond one layer: two states of the residual stream take turns. The caller opens the frame.
at::Tensor Transformer::Parts::forward_passing(const Boundary& boundary, const Batch& batch, StepContext& context) {
  const Chunk& here = chunks[static_cast<std::size_t>(boundary.chunk)];
  const LayerCall layer_call = call(context, passing, batch);
  at::Tensor x_ND = here.part.embedding ? layer_call.keep_tensor({layer_call.stream_rows(), shape.width}) : boundary.x_ND;
  at::Tensor y_ND = layer_call.keep_tensor(x_ND.sizes());
  if (here.part.embedding) {
    EmbeddingSaved unused;
    with_embedding([&] { embedding.forward(x_ND, batch.tokens_BT, unused, layer_call); });
  }
  for (std::size_t block = here.first_block; block < here.end_block; ++block) {
    const Acquired unit(store, block_unit(block), after_block(here, block));
    const Arena::Frame frame(passing);
    BlockSaved unused;
    const bool leaves = block + 1 == here.end_block && !here.part.head;
    if (leaves) y_ND = boundary.y_ND;
    blocks[block].forward(y_ND, x_ND, unused, layer_call);
    std::swap(x_ND, y_ND);
  }
  return x_ND;
}

// The call of a block's backward, after what its policy wants: what `full` has not kept is made again here, the rest by the block itself.
LayerCall Transformer::Parts::rebuilt_call(std::size_t block, Slot& slot, StepContext& context, Arena& keep) {
  LayerCall layer_call = call(context, keep, slot.batch);
  if (recompute != Recompute::full) {
    layer_call.recompute = recompute;
    return layer_call;
  }
  const FlopAudit::Scope phase(context.gemm.audit(), Phase::recompute);
  Slot::Block& kept = slot.blocks[block];
  blocks[block].forward(layer_call.keep_tensor(kept.x_ND.sizes()), kept.x_ND, kept.saved, layer_call);
  return layer_call;
}

Slot& Transformer::Parts::slot_in(int index, Slot::State state) {
  Slot& slot = slots.at(static_cast<std::size_t>(index));
  ERGON_CHECK(slot.state == state, "slot {} is in state {}, not {}", index, static_cast<int>(slot.state), static_cast<int>(state));
  return slot;
}

void Transformer::Parts::free(Slot& slot) {
  slot.state = Slot::State::free;
  slot.arena.reset();
  slot.halves.reset();
  slot.batch = Batch();
  slot.table.reset();
}

Transformer::Declaration Transformer::declare(const ModelShape& shape, const Placement& placement) {
  ModelDeclaration declared = declare_parameters(shape, placement);
  const bool table_of_head = declared.head_unit >= 0 && shape.tied && placement.pp > 1;
  return {std::move(declared.specs), std::move(declared.packs), std::move(declared.units), table_of_head ? declared.table_unit : -1};
}

Transformer::Transformer(const ModelShape& shape, const Placement& placement, ParameterStore& store, Recompute recompute, int slots) {
  ModelDeclaration declared = declare_parameters(shape, placement);
  ERGON_CHECK(store.specs().size() == declared.specs.size(), "the store holds {} parameters, the shape declares {}", store.specs().size(),
              declared.specs.size());
  parts_ = std::make_unique<Parts>(shape, placement, store, recompute, std::move(declared));
  for (int slot = 0; slot < slots; ++slot) parts_->slots.emplace_back(store.device()).blocks.resize(parts_->blocks.size());
}

Transformer::~Transformer() = default;

double Transformer::forward(const Boundary& boundary, const Batch& batch, StepContext& context, int slot_index) {
  Parts& parts = *parts_;
  check_batch(parts.shape, batch);
  const StageChunk& part = parts.chunks.at(static_cast<std::size_t>(boundary.chunk)).part;
  ERGON_CHECK(boundary.x_ND.defined() != part.embedding && boundary.y_ND.defined() != part.head, "chunk {} with {} input and {} output",
              boundary.chunk, boundary.x_ND.defined() ? "an" : "no", boundary.y_ND.defined() ? "an" : "no");
  context.first_sample = batch.first_sample;
  const FlopAudit::Scope phase(context.gemm.audit(), context.training ? Phase::forward : Phase::evaluation);
  if (!context.training) {
    const Arena::Frame frame(parts.passing);
    std::optional<Acquired> table;
    parts.hold_table(parts.chunks[static_cast<std::size_t>(boundary.chunk)], table);
    const at::Tensor x_ND = parts.forward_passing(boundary, batch, context);
    if (!part.head) return 0;
    HeadSaved unused;
    return parts.with_head([&] { return parts.head.forward(x_ND, batch.labels_BT, unused, parts.call(context, parts.passing, batch)); },
                           parts.announced);
  }
  Slot& slot = parts.slot_in(slot_index, Slot::State::free);
  slot.arena.reset();
  slot.batch = batch;
  slot.chunk = boundary.chunk;
  slot.state = Slot::State::forward_done;
  parts.hold_table(parts.chunk(slot), slot.table);
  const at::Tensor x_ND = parts.forward_kept(boundary, batch, slot, context);
  if (!part.head) return 0;
  return parts.with_head([&] { return parts.head.forward(x_ND, batch.labels_BT, slot.head, parts.head_call(context, slot, slot.arena)); },
                         parts.announced);
}

void Transformer::backward(StepContext& context, double loss_scale, Write write, const UnitDone& unit_done, int slot_index,
                           const at::Tensor& given_ND) {
  Parts& parts = *parts_;
  Slot& slot = parts.slot_in(slot_index, Slot::State::forward_done);
  const Parts::Chunk& here = parts.chunk(slot);
  context.first_sample = slot.batch.first_sample;
  const FlopAudit::Scope phase(context.gemm.audit(), Phase::backward);
  const Arena::Frame whole_pass(parts.passing);
  const LayerCall call = parts.call(context, parts.passing, slot.batch);
  const at::Tensor d_ND = given_ND.defined() ? given_ND : call.keep_tensor({call.stream_rows(), parts.shape.width});
  if (here.part.head) {
    const Arena::Frame frame(parts.passing);
    parts.with_head([&] { parts.head.backward(d_ND, loss_scale, slot.head, parts.head_call(context, slot, parts.passing), write); },
                    parts.before_block(here, here.end_block));
    slot.table.reset();
    unit_done(parts.head_unit);
  }
  for (std::size_t block = here.end_block; block-- > here.first_block;) {
    {
      const Acquired unit(parts.store, parts.block_unit(block), parts.before_block(here, block));
      const Arena::Frame frame(parts.passing);
      parts.blocks[block].backward(d_ND, slot.blocks[block].saved, parts.rebuilt_call(block, slot, context, parts.passing), write);
    }
    unit_done(parts.block_unit(block));
  }
  if (here.part.embedding) {
    parts.embedding.backward(d_ND, slot.embedding, call, write);
    parts.embedding_done(unit_done);
  }
  parts.free(slot);
}

void Transformer::backward_input(StepContext& context, double loss_scale, int slot_index, const at::Tensor& given_ND) {
  Parts& parts = *parts_;
  Slot& slot = parts.slot_in(slot_index, Slot::State::forward_done);
  slot.state = Slot::State::input_done;
  const Parts::Chunk& here = parts.chunk(slot);
  context.first_sample = slot.batch.first_sample;
  const FlopAudit::Scope phase(context.gemm.audit(), Phase::backward);
  const LayerCall call = parts.call(context, slot.halves, slot.batch);
  const at::Tensor d_ND = given_ND.defined() ? given_ND : call.keep_tensor({call.stream_rows(), parts.shape.width});
  if (here.part.head)
    parts.with_head([&] { parts.head.backward_input(d_ND, loss_scale, slot.head, parts.head_call(context, slot, slot.halves)); },
                    parts.before_block(here, here.end_block));
  for (std::size_t block = here.end_block; block-- > here.first_block;) {
    const Acquired unit(parts.store, parts.block_unit(block), parts.before_block(here, block));
    parts.blocks[block].backward_input(d_ND, slot.blocks[block].saved, parts.rebuilt_call(block, slot, context, slot.halves));
  }
  if (!here.part.embedding) return;
  const at::Tensor own_ND = call.keep_tensor(d_ND.sizes());  // d is the caller's again
  copy(own_ND, d_ND);
  parts.embedding.backward_input(own_ND, slot.embedding, call);
}

// Reads no weights: what it needs of them is in the slot.
void Transformer::backward_weight(StepContext& context, Write write, const UnitDone& unit_done, int slot_index) {
  Parts& parts = *parts_;
  Slot& slot = parts.slot_in(slot_index, Slot::State::input_done);
  const Parts::Chunk& here = parts.chunk(slot);
  context.first_sample = slot.batch.first_sample;
  const FlopAudit::Scope phase(context.gemm.audit(), Phase::backward);
  const LayerCall call = parts.call(context, slot.halves, slot.batch);
  if (here.part.head) {
    parts.head.backward_weight(slot.head, call, write);
    unit_done(parts.head_unit);
  }
  for (std::size_t block = here.end_block; block-- > here.first_block;) {
    parts.blocks[block].backward_weight(slot.blocks[block].saved, call, write);
    unit_done(parts.block_unit(block));
  }
  if (here.part.embedding) {
    parts.embedding.backward_weight(slot.embedding, call, write);
    parts.embedding_done(unit_done);
  }
  parts.free(slot);
}

at::Tensor Transformer::next_token_logits(const at::Tensor& tokens_BT, StepContext& context) {
  Parts& parts = *parts_;
  const std::int64_t b = tokens_BT.size(0), t = tokens_BT.size(1);
  Batch batch;
  batch.tokens_BT = tokens_BT;
  batch.positions_BT = at::arange(t, tokens_BT.options()).expand({b, t}).contiguous();
  check_batch(parts.shape, batch);
  const FlopAudit::Scope phase(context.gemm.audit(), Phase::evaluation);
  StepContext evaluation = context;
  evaluation.training = false;
  evaluation.sequence_parallel = false;  // a prompt has any number of rows
  const Arena::Frame frame(parts.passing);
  std::optional<Acquired> table;
  parts.hold_table(parts.chunks.front(), table);
  const at::Tensor x_ND = parts.forward_passing(Boundary(), batch, evaluation);
  const LayerCall call = parts.call(evaluation, parts.passing, batch);
  const at::Tensor last_BD = call.keep_tensor({b, parts.shape.width});
  copy(last_BD, x_ND.view({b, t, parts.shape.width}).select(1, t - 1));
  return parts.with_head([&] { return parts.head.logits(last_BD, call); }, parts.announced);
}

int Transformer::first_unit_of_forward(int chunk) const {
  const Parts::Chunk& of = parts_->chunks.at(static_cast<std::size_t>(chunk));
  return of.part.embedding ? parts_->table_unit : parts_->block_unit(of.first_block);
}

int Transformer::first_unit_of_backward(int chunk) const {
  const Parts::Chunk& of = parts_->chunks.at(static_cast<std::size_t>(chunk));
  return of.part.head ? parts_->before_head(of) : parts_->block_unit(of.end_block - 1);
}

void Transformer::announce(int unit) { parts_->announced = unit; }

Bytes Transformer::saved_bytes() const {
  Bytes total = parts_->passing.reserved();
  for (const Slot& slot : parts_->slots) total += slot.arena.reserved() + slot.halves.reserved();
  return total;
}

Bytes Transformer::kept_bytes(int slot) const { return parts_->slots.at(static_cast<std::size_t>(slot)).arena.taken(); }

Bytes Transformer::kept_between_halves(int slot) const { return parts_->slots.at(static_cast<std::size_t>(slot)).halves.taken(); }

std::int64_t Transformer::allocations() const {
  std::int64_t total = parts_->passing.growths();
  for (const Slot& slot : parts_->slots) total += slot.arena.growths() + slot.halves.growths();
  return total;
}

}  // namespace ergon
