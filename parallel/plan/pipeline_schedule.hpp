// SPDX-License-Identifier: Apache-2.0
// A pipeline schedule as data: for each stage the order of its actions. Made by a pure function, checked by playing it, printed as a
// timeline.
//
// S stages, M microbatches, v chunks a stage; chunk c of stage s is part c S + s of the model. Backward comes in halves: `backward_input`
// lets the stage before go on, `backward_weight` can wait. Only zero_bubble makes use of that (`split`); the others do both at once, layer
// by layer, which keeps nothing between the halves, and send dx after both.
//   gpipe        all forwards, then all backwards
//   1f1b         stage s runs S - 1 - s forwards ahead, then one forward, one backward (Narayanan 2021)
//   interleaved  the same over v chunks, 2(S - 1 - s) + (v - 1)S forwards ahead; M must be a multiple of S (Narayanan 2021)
//   zero_bubble  ZB-H1: 1f1b, with the weight half of stage s delayed by s microbatches into what was the bubble (Qi 2023)
// Idle on each stage, with F, B, W the units of a whole stage's actions and M >= S: gpipe and 1f1b (S - 1)(F + B + W), interleaved that
// over v, ZB-H1 (S - 1)(F + B - W). Example, S = 2, M = 2, 1f1b, costs 1, 1, 1: stage 0 "F0 F1 . . B0 W0 . B1 W1", stage 1 ". F0 B0 W0 F1
// B1 W1 . .": 3 units idle on each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "configs/run_config.hpp"

namespace ergon {

struct PipelineAction {
  enum class Kind : std::uint8_t { forward, backward_input, backward_weight };
  Kind kind;
  int microbatch, chunk;
  bool operator==(const PipelineAction&) const = default;
};

struct PipelinePlan {
  int stages = 1, microbatches = 1, chunks = 1;
  bool split = false;                                // the halves of backward come apart
  bool trains = true;                                // false: forwards only
  std::vector<std::vector<PipelineAction>> actions;  // by stage, in order
};

// Throws Error (key mesh.schedule or mesh.virtual_stages) for chunks without interleaved, and for M that is not a multiple of S with it.
PipelinePlan plan_pipeline(PipelineSchedule schedule, int stages, int microbatches, int chunks = 1);

// The forwards of an evaluation, in the order of the schedules. Throws Error as plan_pipeline does for M that is not a multiple of S with
// several chunks.
PipelinePlan plan_forwards(int stages, int microbatches, int chunks = 1);

// (microbatch, chunk) pairs of a stage between forward and the end of backward_weight, at the most; 1 for forwards only.
int most_in_flight(const std::vector<PipelineAction>& actions);

// Whole units of time of each action of one chunk.
struct PipelineCosts {
  std::int64_t forward = 1, backward_input = 1, backward_weight = 1;
};

struct PipelineTimeline {
  std::vector<std::vector<std::int64_t>> start;  // by stage and action
  std::int64_t makespan = 0;
  std::vector<std::int64_t> idle;   // by stage, within the makespan
  std::vector<int> most_in_flight;  // by stage
  // The share of its time in which a stage idles; every stage has as much to do, so it is the same for all.
  double bubble() const { return static_cast<double>(idle.at(0)) / static_cast<double>(makespan); }
};
// Each action starts when its stage is free and what it needs is done. Throws Bug unless every (microbatch, chunk) is run forward,
// backward_input and backward_weight exactly once on every stage (forwards only: forward), and the stages never wait for each other in a
// circle.
PipelineTimeline play(const PipelinePlan& plan, const PipelineCosts& costs = {});

// A line a stage, a column a unit of time: F forward, B backward_input, W backward_weight with the microbatch, dots where the stage is
// idle.
std::string to_string(const PipelinePlan& plan, const PipelineCosts& costs = {});

}  // namespace ergon
