// SPDX-License-Identifier: Apache-2.0
// Which rank keeps the others waiting. A rank's busy time of a step is the wall clock of the step without what it spent waiting for data,
// for other ranks, or for a copy of the state: so a slow or shared processor, a throttled one and a slow device all count, and whoever
// only waits for such a rank does not. CPU time would miss the second and the last.
//
// A hiccup is no straggler: the ratio of RankSkew (accounting/ledger.hpp) is one that a rank keeps for three quarters of an interval.
//
// Where no two ranks do the same work, as in a pipeline without replicas, each is measured by its own best interval, and compared with the
// others by that: so one that becomes slow is found, one that was slow from the first step is not.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "accounting/ledger.hpp"
#include "configs/run_config.hpp"
#include "parallel/communicator.hpp"
#include "parallel/plan/mesh.hpp"

namespace ergon {

// The busy time of this rank's steps: means over blocks of equal numbers of steps. Allocates nothing.
class BusyBlocks {
 public:
  void add(Seconds busy);
  // The next interval begins.
  void clear() {
    const double best = best_mean().value;
    *this = BusyBlocks();
    best_ = best;
  }

  static constexpr std::size_t least = 3, most = 16;                // blocks to compare; more become half as many, twice as long
  std::size_t count() const { return count_; }                      // of whole blocks
  double block(std::size_t index) const { return blocks_[index]; }  // seconds a step
  std::int64_t steps() const { return steps_; }
  Seconds mean() const { return {steps_ > 0 ? total_ / static_cast<double>(steps_) : 0}; }  // of all steps
  // The least mean of this interval and of those before it; 0: no step yet.
  Seconds best_mean() const { return {best_ > 0 && (steps_ == 0 || best_ < mean().value) ? best_ : mean().value}; }

 private:
  std::array<double, most> blocks_ = {};
  std::size_t count_ = 0;
  std::int64_t length_ = 5, open_steps_ = 0, steps_ = 0;  // length_: steps a block
  double open_ = 0, total_ = 0, best_ = 0;                // best_: of the intervals before
};

struct BusyRank {
  std::vector<double> blocks;  // seconds a step, as many on every rank
  Seconds mean;
  std::string host;
  int work = 0;             // ranks of equal numbers do the same work
  Seconds best_mean = {0};  // used where no two do
};
// Of two ranks and more.
RankSkew skew_of(const std::vector<BusyRank>& ranks, std::int64_t steps);

// Stages of a pipeline, uneven parts of heads, and contiguous parts of a sequence do different work.
int work_of(const RunConfig& config, const Mesh& mesh, int rank);

// Collective over all ranks, which have added equally many steps; all get the same answer. None: one rank, or fewer than 15 steps.
std::optional<RankSkew> compare_ranks(const BusyBlocks& mine, const RunConfig& config, const Mesh& mesh, Communicator& control);

}  // namespace ergon
