// SPDX-License-Identifier: Apache-2.0
// Owns the parameters and gradients of a rank in flat buffers, unit after unit, and hands out views. Masters and gradients are in the
// accumulator type (trainer/kernels/precision.hpp). The weights, which layers compute with, are the masters themselves, or in a bfloat16
// store their copy rounded to nearest even: whoever changes masters rounds them (adamw_update in its own pass, else round_masters). Units
// (parallel/plan/unit_plan.hpp) are reduced, gathered and freed as a whole. Layers hold ParameterIds, never tensors.
//
// What lies here, by ZeRO stage (parallel/plan/zero_partition.hpp), n = ranks of dp x cp:
//   none        masters, weights and gradients whole
//   optimizer   weights and gradients whole; masters of the own part: n-th parts of the weights, or beside rounded weights a shard of n-th
//               parts; a shard for the sums of gradients
//   parameters  shards of masters, weights and summed gradients; buffers for the units at work. weight() and gradient() of a unit are what
//               they say while it is acquired
//
// Invariants: a unit is contiguous and starts 64-byte aligned; parameters of a pack (query, key and value rows; gate and up rows) follow
// each other without a gap, so that a packed view is one matrix for one GEMM.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "parallel/gradients.hpp"
#include "parallel/parameter_gather.hpp"
#include "parallel/plan/unit_plan.hpp"
#include "parallel/plan/zero_partition.hpp"
#include "trainer/model/parameter.hpp"
#include "trainer/model/store_layout.hpp"
#include "trainer/tensor_headers.hpp"

namespace ergon {

// How the ranks of dp x cp share a store.
struct StoreSharding {
  ZeroStage stage = ZeroStage::none;
  Communicator* group = nullptr;  // dp x cp; outlives the store. Null: one rank
  Bytes bucket = {25 << 20};      // under ZeroStage::parameters every unit is a bucket
  bool owners_add = false;        // gradients are added up by owners, whatever the stage (gradient_rounds.hpp)
  UnitPlan units = {};            // read where gradients of every microbatch leave: owners_add, ZeroStage::parameters
  Communicator* twin = nullptr;   // of the other rank that holds the first unit, where units.table_twice
};

// A run of elements of one parameter whose master this rank has, and what an update of it touches. Made once.
struct OwnedPiece {
  ParameterId id;
  OwnedRun run;
  at::Tensor master, gradient;
  at::Tensor weight;   // the rounded copy; undefined where the master is the weight
  at::Tensor counted;  // the part of `gradient` that this rank counts in the norm: no vocabulary padding; undefined: none
};

class ParameterStore {
 public:
  // Specs in unit order. `packs` lists runs of consecutive ids that must follow each other without a gap.
  ParameterStore(std::vector<ParameterSpec> specs, std::vector<std::vector<ParameterId>> packs, at::ScalarType dtype, at::Device device,
                 int num_units, const StoreSharding& sharding = {});

  int num_units() const { return static_cast<int>(layout_.units.size()); }
  const std::vector<ParameterSpec>& specs() const { return specs_; }
  ZeroStage stage() const { return stage_; }
  at::ScalarType dtype() const { return dtype_; }  // of weights and activations
  at::Device device() const { return device_; }
  at::ScalarType accumulator() const { return accumulator_; }  // of masters and gradients

  // acquire gives a unit's weights for use until release, and has those of `next` begin to come if their buffer is free; whole weights cost
  // nothing.
  static constexpr int no_unit = -1;
  void acquire(int unit, int next = no_unit);
  void release(int unit);

  at::Tensor weight(ParameterId id) const { return weights_[id]; }         // local_shape
  at::Tensor gradient(ParameterId id) const { return gradients_of_[id]; }  // as backward writes it
  at::Tensor master(ParameterId id) const;                                 // only where it lies here whole: see whole_masters
  bool whole_masters() const { return stage_ == ZeroStage::none || (stage_ == ZeroStage::optimizer && dtype_ == accumulator_); }
  // Consecutive parameters of one pack as one [sum of rows, columns] (or [sum]) view.
  at::Tensor packed_weight(ParameterId first, ParameterId last) const { return packed(unit_weights_, first, last); }
  at::Tensor packed_gradient(ParameterId first, ParameterId last) const { return packed(unit_gradients_, first, last); }

  const std::vector<OwnedPiece>& pieces() const { return pieces_; }  // by bucket, then by id
  std::int64_t owned_elements() const { return ownership_->shard_elements(); }
  const ZeroPartition& ownership() const { return *ownership_; }                           // of masters: one rank under none
  const std::vector<GradientSlices>& gradient_slices() const { return gradient_slices_; }  // by bucket, last unit first
  bool twins_meet_at_owners() const { return gradient_slices_.back().twin != nullptr; }    // not in backward: GradientSlices::twin

  void round_masters();
  // After masters were changed: ZeRO-1 brings the weights of a bucket from their owners. share_weights brings all. Collective over dp x cp.
  void start_sharing(int bucket);
  void finish_sharing();
  void share_weights();

  const at::Tensor& flat_parameters() const { return masters_; }    // [owned_elements()]: all masters under ZeroStage::none
  const at::Tensor& flat_weights() const { return flat_weights_; }  // undefined under ZeroStage::parameters
  const at::Tensor& flat_gradients() const { return gradients_; }   // as backward writes them; undefined under ZeroStage::parameters
  ElementRange range(ParameterId id) const { return layout_.parameters[id]; }  // in the flat buffers
  const std::vector<ElementRange>& unit_ranges() const { return layout_.units; }
  Bytes allocated() const { return allocated_; }  // for parameters and gradients

 private:
  at::Tensor buffer(std::int64_t elements, at::ScalarType dtype);
  at::Tensor packed(const std::vector<at::Tensor>& units, ParameterId first, ParameterId last) const;
  void allocate_whole();
  void allocate_shards(const StoreSharding& sharding);
  std::vector<at::Tensor> unit_slots(at::ScalarType dtype, const UnitPlan& plan);
  void slice_gradients(const ZeroPartition* reduction, Communicator* twin);  // null: every rank keeps the sums; nobody has a part
  void make_pieces(int rank);
  void make_gather(const StoreSharding& sharding);

  std::vector<ParameterSpec> specs_;
  at::ScalarType dtype_, accumulator_;
  at::Device device_;
  ZeroStage stage_;
  StoreLayout layout_;
  std::vector<Bucket> buckets_;
  std::optional<ZeroPartition> ownership_;
  Bytes allocated_ = {};
  at::Tensor masters_, flat_weights_, weight_shard_, gradients_, gradient_shard_;
  std::vector<at::Tensor> unit_weights_, unit_gradients_;  // by unit, padding included
  std::vector<at::Tensor> weights_, gradients_of_;
  std::vector<OwnedPiece> pieces_;
  std::vector<GradientSlices> gradient_slices_;
  std::optional<ParameterGather> gather_;
  mutable TensorHeaders headers_;  // of packed views
};

}  // namespace ergon
