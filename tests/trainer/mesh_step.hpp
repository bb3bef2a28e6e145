// SPDX-License-Identifier: Apache-2.0
// Step 1 of a run on a mesh of threads, looked at from every rank: loss, norm, each gradient after all sums and before clipping, each
// updated parameter, each part compared with those of a run on one rank, and what moved over each group.
#pragma once

#include <cmath>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "parallel/plan/refusals.hpp"
#include "tests/trainer/oracle/tensor_operators.hpp"
#include "tests/trainer/tiny_run.hpp"
#include "trainer/audit_totals.hpp"
#include "trainer/step.hpp"

namespace ergon::test {

// Labels that count differ between every part of a step: whole samples are ignored, so some microbatches have none.
inline void uneven_labels(std::int64_t sample, std::span<std::uint8_t> counts) {
  for (std::size_t t = 0; t < counts.size(); ++t) counts[t] = sample % 3 != 0 && (t * 7 + static_cast<std::size_t>(sample)) % 5 < 3;
}

// (group, operation, elements per peer) -> how often, over all ranks.
using Moved = std::map<std::tuple<std::string, std::string, std::int64_t>, std::int64_t>;

struct MeshStep {
  double loss = 0, norm = 0;
  std::map<std::string, at::Tensor> gradients, parameters;  // whole, of a run on one rank
  Moved moved;
  std::map<int, Bytes> kept;  // by world rank: reserved for activations
  AuditTotals executed{}, predicted{};
};

class MovedObserver final : public CommunicationObserver {
 public:
  MovedObserver(Moved& moved, std::mutex& mutex) : moved_(moved), mutex_(mutex) {}
  void completed(const CommunicationEvent& event) override {
    const std::lock_guard lock(mutex_);
    ++moved_[{event.group, name(event.operation), event.elements}];
  }

 private:
  Moved& moved_;
  std::mutex& mutex_;
};

// What every rank of a step sees. `look(replica, result)` runs on each rank under a lock.
inline void each_rank_of_step(const RunConfig& config, MeshStep& step, const std::function<void(Replica&, const StepResult&)>& look) {
  std::mutex mutex;
  const Mesh mesh = mesh_of(config.mesh);
  run_local_ranks(mesh.size(), [&](std::unique_ptr<Communicator> world) {
    prepare_process(1);
    const int replicas = static_cast<int>(partition_heads(config.model.heads, config.model.kv_heads, mesh.size(Axis::tp), 0).kv_replicas);
    InspectingStorage storage;
    const TokenSource source(config.data.train, Split::train, config.model.sequence, storage);
    Communicators communicators(mesh, std::move(world), replicas);
    Replica replica(config, communicators);
    Loader loader(source, {config.train.microbatch, accumulation(config), 1}, communicators, initial_data_state(source, config.run.seed),
                  uneven_labels);
    const StepBatch& batch = loader.next();
    MovedObserver observer(step.moved, mutex);
    communicators.observe(&observer);
    const StepResult result = run_step(replica, batch, 1);
    communicators.observe(nullptr);
    const AuditTotals executed = total_over_ranks(replica.audit, *communicators.control);
    const std::lock_guard lock(mutex);
    step.loss = result.loss;
    step.norm = result.grad_norm;
    step.executed = executed;
    step.predicted = predicted_totals(config, replica.attention->tiles(), config.train.batch);
    step.kept[communicators.world->rank()] = replica.model.saved_bytes();
    look(replica, result);
  });
}

// The box of this rank and its padding rows, from a whole tensor.
inline at::Tensor part_of(const at::Tensor& whole, const ParameterSpec& spec) {
  at::Tensor part = whole;
  for (std::size_t dim = 0; dim < spec.box.offset.size(); ++dim)
    part = part.narrow(static_cast<std::int64_t>(dim), spec.box.offset[dim], spec.box.extent[dim]);
  return part;
}

inline MeshStep step_on_one_rank(const RunConfig& config) {
  MeshStep step;
  each_rank_of_step(config, step, [&](Replica& replica, const StepResult&) {
    for (std::size_t id = 0; id < replica.parameters.specs().size(); ++id) {
      const ParameterSpec& spec = replica.parameters.specs()[id];
      const auto real = [&](const at::Tensor& local) { return local.narrow(0, 0, spec.box.extent[0]).clone(); };
      step.gradients[spec.name] = real(replica.parameters.gradient(static_cast<ParameterId>(id)));
      step.parameters[spec.name] = real(replica.parameters.master(static_cast<ParameterId>(id)));
    }
  });
  return step;
}

struct Differences {
  double loss = 0, norm = 0, gradients = 0, parameters = 0;
  std::string where{};  // of the worst gradient
  double worst() const { return std::max({loss, norm, gradients, parameters}); }
};

// `step` gets what the mesh did.
inline Differences compare_step(const RunConfig& config, const MeshStep& reference, MeshStep& step) {
  Differences worst;
  each_rank_of_step(config, step, [&](Replica& replica, const StepResult& result) {
    worst.loss = std::max(worst.loss, std::abs(result.loss - reference.loss));
    worst.norm = std::max(worst.norm, std::abs(result.grad_norm - reference.norm));
    for (std::size_t id = 0; id < replica.parameters.specs().size(); ++id) {
      const ParameterSpec& spec = replica.parameters.specs()[id];
      const auto difference = [&](const at::Tensor& local, const at::Tensor& whole) {
        return (local.narrow(0, 0, spec.box.extent[0]) - part_of(whole, spec)).abs().max().item<double>();
      };
      if (spec.box.extent[0] == 0) continue;
      const double gradient = difference(replica.parameters.gradient(static_cast<ParameterId>(id)), reference.gradients.at(spec.name));
      if (gradient > worst.gradients) worst.where = spec.name;
      worst.gradients = std::max(worst.gradients, gradient);
      worst.parameters = std::max(worst.parameters,
                                  difference(replica.parameters.master(static_cast<ParameterId>(id)), reference.parameters.at(spec.name)));
    }
  });
  return worst;
}

}  // namespace ergon::test
