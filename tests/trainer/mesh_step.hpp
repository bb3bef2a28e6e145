// SPDX-License-Identifier: Apache-2.0
// Step 1 of a run on a mesh of threads, looked at from every rank: what it computed and what it left compared with one rank
// (tests/trainer/mesh_run.hpp), what was executed and predicted, and what moved over each group.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "tests/trainer/mesh_run.hpp"
#include "trainer/audit_totals.hpp"

namespace ergon::test {

// (group, operation, elements per peer) -> how often, over all ranks.
using Moved = std::map<std::tuple<std::string, std::string, std::int64_t>, std::int64_t>;

class MovedObserver final : public CommunicationObserver {
 public:
  void completed(const CommunicationEvent& event) override {
    const std::lock_guard lock(mutex_);
    ++moved_[{event.group, name(event.operation), event.elements}];
  }
  const Moved& moved() const { return moved_; }

 private:
  std::mutex mutex_;
  Moved moved_;
};

struct MeshStep {
  Moved moved;
  AuditTotals executed{}, predicted{};  // over all ranks
};

// `look(rank, result)` runs on every rank after its step.
inline MeshStep step_on_mesh(const RunConfig& config, const std::function<void(RankOfRun&, const StepResult&)>& look = {}) {
  MeshStep step;
  MovedObserver observer;
  std::mutex mutex;
  on_mesh(config, [&](RankOfRun& rank) {
    rank.communicators.observe(&observer);
    const StepResult result = rank.steps(1);
    rank.communicators.observe(nullptr);
    const AuditTotals executed = total_over_ranks(rank.replica.audit, *rank.communicators.control);
    if (look) look(rank, result);
    const std::lock_guard lock(mutex);
    step.executed = executed;
    step.predicted = predicted_totals(config, rank.replica.attention->tiles(), config.train.batch, rank.pairs);
  });
  step.moved = observer.moved();
  return step;
}

// The worst distances of any rank from a step on one rank.
struct Differences {
  Worst loss, norm, gradients, updated;
};

inline MeshStep compare_step(const RunConfig& config, const Whole& one, Differences& worst) {
  return step_on_mesh(config, [&](RankOfRun& rank, const StepResult& result) {
    worst.loss.see(std::abs(result.loss - one.result.loss), "loss");
    worst.norm.see(std::abs(result.grad_norm - one.result.grad_norm), "norm");
    compare(rank, one, worst.gradients, worst.updated);
  });
}

}  // namespace ergon::test
