// SPDX-License-Identifier: Apache-2.0
// Steps of the small model on a mesh, and what they leave, by logical name and whole, to compare meshes and ZeRO stages by.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "parallel/plan/refusals.hpp"
#include "tests/trainer/tiny_run.hpp"
#include "trainer/step.hpp"

namespace ergon::test {

// Everything that one rank of a run has.
struct RankOfRun {
  RankOfRun(const RunConfig& config_, std::unique_ptr<Communicator> world, const DeviceGroup& device = {})
      : config(config_),
        source(config.data.train, Split::train, config.model.sequence, storage),
        communicators(communicators_of(config, std::move(world), device)),
        replica(config, communicators),
        loader(source,
               {config.train.microbatch, accumulation(config), 1, config.mesh.layout, objective_of(config, replica.attention->tiles())},
               communicators, initial_data_state(source, config.run.seed), uneven_labels) {}

  StepResult steps(int count) {
    StepResult result;
    for (int step = 1; step <= count; ++step) {
      const StepBatch& batch = loader.next();
      pairs = batch.pairs;
      result = run_step(replica, batch, step);
    }
    return result;
  }

  InspectingStorage storage;
  const RunConfig config;
  TokenSource source;
  Communicators communicators;
  Replica replica;
  Loader loader;
  std::optional<PairCount> pairs;  // of the newest step
};

inline void on_mesh(const RunConfig& config, const std::function<void(RankOfRun&)>& use) {
  run_local_ranks(mesh_of(config.mesh).size(), [&](std::unique_ptr<Communicator> world) {
    prepare_process(1);
    RankOfRun rank(config, std::move(world));
    use(rank);
  });
}

// The units that a rank of this run has.
inline UnitPlan units_of(const RankOfRun& rank) {
  const Communicators& groups = rank.communicators;
  return Transformer::declare(rank.config.model, placement_of(rank.config.mesh, groups.mesh, groups.world->rank())).units;
}

// What a parameter is after a step: its summed gradient, master and moments.
using Of = std::map<std::string, at::Tensor>;
struct Whole {
  std::map<std::string, Of> parameters;
  StepResult result;
};

inline Of parts_of(const Replica& replica, std::size_t piece) {
  const Update& of = replica.updates[piece];
  return {{"gradient", of.gradient}, {"master", of.master}, {"first moment", of.first_moment}, {"second moment", of.second_moment}};
}

// On one rank without ZeRO, where each piece is a parameter.
inline Whole whole_of(RankOfRun& rank, const StepResult& result) {
  Whole whole{{}, result};
  const ParameterStore& store = rank.replica.parameters;
  for (std::size_t i = 0; i < store.pieces().size(); ++i) {
    const ParameterSpec& spec = store.specs()[static_cast<std::size_t>(store.pieces()[i].id)];
    for (const auto& [what, flat] : parts_of(rank.replica, i))
      whole.parameters[spec.name][what] = flat.narrow(0, 0, num_elements(spec.global_shape)).view(spec.global_shape).clone();
  }
  return whole;
}

inline Whole whole_of_one_rank(const RunConfig& config, int steps = 1) {
  Whole whole;
  on_mesh(config, [&](RankOfRun& rank) { whole = whole_of(rank, rank.steps(steps)); });
  return whole;
}

// The worst of what the ranks saw, and where.
class Worst {
 public:
  void see(double error, const std::string& where) {
    const std::lock_guard lock(mutex_);
    if (!(error <= error_)) error_ = error, where_ = where;
    ++seen_;
  }
  double error() const { return error_; }
  const std::string& where() const { return where_; }
  int seen() const { return seen_; }

 private:
  std::mutex mutex_;
  double error_ = 0;
  std::string where_;
  int seen_ = 0;
};

inline double distance(const at::Tensor& a, const at::Tensor& b) { return a.numel() == 0 ? 0 : a.sub(b).abs().max().item<double>(); }

// This rank's box of a whole tensor, in row-major order.
inline at::Tensor box_of(at::Tensor whole, const ShardBox& box) {
  for (std::size_t d = 0; d < box.offset.size(); ++d) whole = whole.narrow(static_cast<std::int64_t>(d), box.offset[d], box.extent[d]);
  return whole.contiguous().view({-1});
}

// What this rank owns, and the weights that it computes with, against `whole`: gradients apart from what AdamW made of them, whose first
// update is the rate times the sign of a gradient, however small.
inline void compare(RankOfRun& rank, const Whole& whole, Worst& gradients, Worst& updated) {
  ParameterStore& store = rank.replica.parameters;
  for (std::size_t i = 0; i < store.pieces().size(); ++i) {
    const OwnedPiece& piece = store.pieces()[i];
    const ParameterSpec& spec = store.specs()[static_cast<std::size_t>(piece.id)];
    const std::int64_t begin = piece.run.of_tensor.begin, count = std::min(piece.run.of_tensor.end, num_elements(spec.box.extent)) - begin;
    if (count <= 0) continue;
    for (const auto& [what, flat] : parts_of(rank.replica, i)) {
      const at::Tensor expected = box_of(whole.parameters.at(spec.name).at(what), spec.box).narrow(0, begin, count);
      (what == "gradient" ? gradients : updated).see(distance(flat.narrow(0, 0, count), expected), spec.name + ", " + what);
    }
  }
  for (int unit = 0; unit < store.num_units(); ++unit) {
    store.acquire(unit);
    for (std::size_t id = 0; id < store.specs().size(); ++id) {
      const ParameterSpec& spec = store.specs()[id];
      if (spec.unit != unit) continue;
      const at::Tensor weight = store.weight(static_cast<ParameterId>(id)).flatten().narrow(0, 0, num_elements(spec.box.extent));
      updated.see(distance(weight, box_of(whole.parameters.at(spec.name).at("master"), spec.box)), spec.name + ", weight");
    }
    store.release(unit);
  }
}

inline void compare(RankOfRun& rank, const Whole& whole, Worst& worst) { compare(rank, whole, worst, worst); }

}  // namespace ergon::test
