// SPDX-License-Identifier: Apache-2.0
#include "trainer/model/parameter_store.hpp"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "configs/error.hpp"
#include "parallel/plan/zero_buckets.hpp"
#include "trainer/kernels/pointwise.hpp"
#include "trainer/kernels/precision.hpp"

namespace ergon {
namespace {

constexpr std::uintptr_t alignment_bytes = 64;

at::Tensor narrow(const at::Tensor& flat, const ElementRange& range) { return flat.narrow(0, range.begin, range.size()); }

int ranks_of(const StoreSharding& sharding) { return sharding.group != nullptr ? sharding.group->size() : 1; }
int rank_of(const StoreSharding& sharding) { return sharding.group != nullptr ? sharding.group->rank() : 0; }
ZeroStage stage_of(const StoreSharding& sharding) { return ranks_of(sharding) > 1 ? sharding.stage : ZeroStage::none; }
bool owners_add(const StoreSharding& sharding) { return stage_of(sharding) != ZeroStage::none || sharding.owners_add; }

ZeroBucketRule rule_of(const StoreSharding& sharding, at::ScalarType accumulator) {
  return {stage_of(sharding), sharding.owners_add, sharding.bucket, static_cast<std::int64_t>(c10::elementSize(accumulator))};
}

}  // namespace

ParameterStore::ParameterStore(std::vector<ParameterSpec> specs, std::vector<std::vector<ParameterId>> packs, at::ScalarType dtype,
                               at::Device device, int num_units, const StoreSharding& sharding)
    : specs_(std::move(specs)),
      dtype_(dtype),
      accumulator_(accumulator_type(dtype)),
      device_(device),
      stage_(stage_of(sharding)),
      layout_(lay_out(specs_, packs, dtype, num_units, owners_add(sharding) ? ranks_of(sharding) : 1)),
      buckets_(zero_buckets(layout_.units, sharding.units, rule_of(sharding, accumulator_))),
      headers_(device) {
  std::optional<ZeroPartition> reduction;
  if (owners_add(sharding)) reduction.emplace(buckets_, ranks_of(sharding));
  if (stage_ == ZeroStage::none)
    ownership_.emplace(std::vector<Bucket>{{{0, layout_.elements()}, 0, num_units - 1}}, 1);
  else
    ownership_ = reduction;
  if (stage_ == ZeroStage::parameters)
    allocate_shards(sharding);
  else
    allocate_whole();
  for (std::size_t id = 0; id < specs_.size(); ++id) {
    const auto view = [&](const std::vector<at::Tensor>& units) {
      const ElementRange unit = layout_.units[static_cast<std::size_t>(specs_[id].unit)], range = layout_.parameters[id];
      return units[static_cast<std::size_t>(specs_[id].unit)]
          .narrow(0, range.begin - unit.begin, range.size())
          .view(specs_[id].local_shape);
    };
    weights_.push_back(view(unit_weights_));
    gradients_of_.push_back(view(unit_gradients_));
  }
  const bool twin = rule_of(sharding, accumulator_).each_microbatch() && sharding.units.table_twice;
  slice_gradients(reduction ? &*reduction : nullptr, twin ? sharding.twin : nullptr);
  make_pieces(stage_ == ZeroStage::none ? 0 : rank_of(sharding));
  make_gather(sharding);
}

// Zeroed, and its first element 64-byte aligned, as ATen's CPU allocator gives it.
at::Tensor ParameterStore::buffer(std::int64_t elements, at::ScalarType dtype) {
  at::Tensor flat = at::zeros({elements}, at::TensorOptions().dtype(dtype).device(device_));
  ERGON_CHECK(reinterpret_cast<std::uintptr_t>(flat.data_ptr()) % alignment_bytes == 0,
              "the allocator gave a buffer that is not {}-byte aligned", alignment_bytes);
  allocated_ += Bytes{static_cast<std::int64_t>(flat.nbytes())};
  return flat;
}

void ParameterStore::allocate_whole() {
  const bool rounds = dtype_ != accumulator_;
  flat_weights_ = buffer(layout_.elements(), dtype_);
  gradients_ = buffer(layout_.elements(), accumulator_);
  if (rounds)
    masters_ = buffer(ownership_->shard_elements(), accumulator_);
  else if (stage_ == ZeroStage::none)
    masters_ = flat_weights_;
  for (const ElementRange& unit : layout_.units) {
    unit_weights_.push_back(narrow(flat_weights_, unit));
    unit_gradients_.push_back(narrow(gradients_, unit));
  }
}

void ParameterStore::allocate_shards(const StoreSharding& sharding) {
  masters_ = buffer(ownership_->shard_elements(), accumulator_);
  weight_shard_ = dtype_ == accumulator_ ? masters_ : buffer(ownership_->shard_elements(), dtype_);
  unit_weights_ = unit_slots(dtype_, sharding.units);
  unit_gradients_ = unit_slots(accumulator_, sharding.units);
}

// A view for each unit of the buffer that it has while it is at work.
std::vector<at::Tensor> ParameterStore::unit_slots(at::ScalarType dtype, const UnitPlan& plan) {
  const std::vector<int> slots = unit_buffers(plan);
  std::vector<at::Tensor> buffers, units;
  for (int slot = 0; slot <= *std::max_element(slots.begin(), slots.end()); ++slot) {
    std::int64_t largest = 0;
    for (std::size_t unit = 0; unit < slots.size(); ++unit)
      if (slots[unit] == slot) largest = std::max(largest, layout_.units[unit].size());
    buffers.push_back(buffer(largest, dtype));
  }
  for (std::size_t unit = 0; unit < slots.size(); ++unit)
    units.push_back(buffers[static_cast<std::size_t>(slots[unit])].narrow(0, 0, layout_.units[unit].size()));
  return units;
}

void ParameterStore::slice_gradients(const ZeroPartition* reduction, Communicator* twin) {
  if (reduction != nullptr) gradient_shard_ = buffer(reduction->shard_elements(), accumulator_);
  for (int b = 0; b < static_cast<int>(buckets_.size()); ++b) {
    const Bucket& bucket = buckets_[static_cast<std::size_t>(b)];
    const bool whole = stage_ != ZeroStage::parameters;
    gradient_slices_.push_back({bucket.first_unit, bucket.last_unit,
                                whole ? narrow(gradients_, bucket.range) : unit_gradients_[static_cast<std::size_t>(bucket.first_unit)],
                                reduction != nullptr ? narrow(gradient_shard_, reduction->in_shard(b)) : at::Tensor(),
                                bucket.first_unit == 0 ? twin : nullptr});
  }
}

void ParameterStore::make_pieces(int rank) {
  const bool rounds = dtype_ != accumulator_;
  for (std::size_t id = 0; id < specs_.size(); ++id) {
    const ParameterSpec& spec = specs_[id];
    const ElementRange range = layout_.parameters[id];
    for (const OwnedRun& run : ownership_->runs(rank, range)) {
      const ElementRange in_flat{range.begin + run.of_tensor.begin, range.begin + run.of_tensor.end};
      OwnedPiece piece{static_cast<ParameterId>(id), run, {}, {}, {}, {}};
      piece.master = masters_.defined() ? narrow(masters_, run.in_shard) : narrow(flat_weights_, in_flat);
      piece.gradient = stage_ == ZeroStage::none ? narrow(gradients_, in_flat) : narrow(gradient_shard_, run.in_shard);
      if (rounds) piece.weight = weight_shard_.defined() ? narrow(weight_shard_, run.in_shard) : narrow(flat_weights_, in_flat);
      // Padding rows follow the real ones, so the real elements are the first.
      const std::int64_t real = std::min(run.of_tensor.end, num_elements(spec.box.extent)) - run.of_tensor.begin;
      if (spec.counts_here && real > 0) piece.counted = piece.gradient.narrow(0, 0, real);
      pieces_.push_back(std::move(piece));
    }
  }
  std::stable_sort(pieces_.begin(), pieces_.end(), [](const OwnedPiece& a, const OwnedPiece& b) { return a.run.bucket < b.run.bucket; });
}

void ParameterStore::make_gather(const StoreSharding& sharding) {
  if (stage_ == ZeroStage::none) return;
  std::vector<GatheredPart> parts;
  if (stage_ == ZeroStage::optimizer) {
    for (int b = 0; b < static_cast<int>(buckets_.size()); ++b)
      parts.push_back({narrow(flat_weights_, buckets_[static_cast<std::size_t>(b)].range),
                       narrow(flat_weights_, ownership_->owned(b, rank_of(sharding))), b});
  } else {
    const std::vector<int> slots = unit_buffers(sharding.units);
    for (int unit = 0; unit < num_units(); ++unit)
      parts.push_back({unit_weights_[static_cast<std::size_t>(unit)],
                       narrow(weight_shard_, ownership_->in_shard(num_units() - 1 - unit)),  // buckets begin with the last unit
                       slots[static_cast<std::size_t>(unit)]});
  }
  gather_.emplace(std::move(parts), *sharding.group);
}

void ParameterStore::acquire(int unit, int next) {
  ERGON_CHECK(unit >= 0 && unit < num_units() && next < num_units(), "units {} and {} of {}", unit, next, num_units());
  if (stage_ != ZeroStage::parameters) return;
  gather_->start(unit);
  if (next != no_unit) gather_->prefetch(next);
  gather_->acquire(unit);
}

void ParameterStore::release(int unit) {
  ERGON_CHECK(unit >= 0 && unit < num_units(), "unit {} of {}", unit, num_units());
  if (stage_ != ZeroStage::parameters) return;
  gather_->release(unit);
  gather_->poll();
}

at::Tensor ParameterStore::master(ParameterId id) const {
  ERGON_CHECK(whole_masters(), "{}: this rank has a part of the master only", specs_[id].name);
  const ElementRange range = layout_.parameters[id];
  return masters_.defined() ? narrow(masters_, range).view(specs_[id].local_shape) : weights_[id];
}

void ParameterStore::round_masters() {
  if (dtype_ == accumulator_) return;
  for (const OwnedPiece& piece : pieces_) copy(piece.weight, piece.master);
}

void ParameterStore::start_sharing(int bucket) {
  if (stage_ != ZeroStage::optimizer) return;
  gather_->poll();
  gather_->start(bucket);
}

void ParameterStore::finish_sharing() {
  if (stage_ == ZeroStage::optimizer) gather_->settle();
}

void ParameterStore::share_weights() {
  for (int b = 0; b < static_cast<int>(buckets_.size()); ++b) start_sharing(b);
  finish_sharing();
}

at::Tensor ParameterStore::packed(const std::vector<at::Tensor>& units, ParameterId first, ParameterId last) const {
  std::int64_t rows = 0;
  for (ParameterId id = first; id <= last; ++id) {
    ERGON_CHECK(id == first || range(id).begin == range(id - 1).end, "{} does not follow {} without a gap", specs_[id].name,
                specs_[id - 1].name);
    rows += specs_[id].local_shape.at(0);
  }
  const Extents& part = specs_[first].local_shape;
  ERGON_CHECK(part.size() <= 2, "{} has {} dims", specs_[first].name, part.size());
  const std::array<std::int64_t, 2> shape{rows, part.back()};
  const auto unit = static_cast<std::size_t>(specs_[first].unit);
  const std::int64_t begin = range(first).begin - layout_.units[unit].begin;
  return headers_.view(headers_.narrow(units[unit], 0, begin, range(last).end - range(first).begin), {shape.data(), part.size()});
}

}  // namespace ergon
