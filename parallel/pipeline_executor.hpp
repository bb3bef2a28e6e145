// SPDX-License-Identifier: Apache-2.0
// Runs the actions of one pipeline stage in the order of the plan, and moves what passes between stages: activations over one group,
// gradients over another, each from stage to stage around the ring of stages (the step from the last stage to the first exists with several
// chunks).
//
// A receive is posted one action of its kind ahead, as soon as a buffer is free; a send is awaited when its buffer is wanted again, and at
// the end of the run. Two groups, because then the messages of a pair of ranks are received in the order in which they are sent: forward
// passes in the order of forwards, gradients in that of backwards, which are the same on every stage.
//
// Invariants: all buffers are made by the constructor: one input for each microbatch in flight and one more, two outputs, three gradients.
// No order of events deadlocks that the plan's own order allows (tests/parallel/pipeline_executor_test.cpp plays them).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "configs/quantities.hpp"
#include "parallel/communicator.hpp"
#include "parallel/pipeline_stage.hpp"
#include "parallel/plan/pipeline_schedule.hpp"

namespace ergon {

class PipelineExecutor {
 public:
  // `activations` and `gradients` have the stages as ranks and outlive this. `row_sizes` {N, D} of what passes.
  PipelineExecutor(PipelinePlan plan, Communicator& activations, Communicator& gradients, at::IntArrayRef row_sizes,
                   at::TensorOptions options);

  // Collective over the stages. Afterwards every message has arrived.
  void run(PipelineStage& stage);

  const PipelinePlan& plan() const { return plan_; }
  int most_in_flight() const { return most_in_flight_; }  // (microbatch, chunk) pairs of this stage
  Bytes buffer_bytes() const;

 private:
  // A tensor and what the network still does with it.
  struct Buffer {
    at::Tensor data;
    Work sending;
    bool taken = false;
  };
  // The buffers of one kind, and the receives that are under way, in the order of the actions that wait for them.
  struct Lane {
    std::vector<Buffer> buffers;
    std::vector<std::size_t> actions;  // that need a message, in order
    std::size_t posted = 0, awaited = 0;
    struct Receive {
      Buffer* buffer;
      Work work;
    };
    std::vector<Receive> receives;  // at most two
  };

  int part(int chunk) const { return chunk * plan_.stages + stage_; }
  bool first(int chunk) const { return part(chunk) == 0; }
  bool last(int chunk) const { return part(chunk) == plan_.stages * plan_.chunks - 1; }
  int next() const { return (stage_ + 1) % plan_.stages; }
  int previous() const { return (stage_ + plan_.stages - 1) % plan_.stages; }

  void plan_lanes(at::IntArrayRef row_sizes, at::TensorOptions options);
  static Buffer* take_buffer(Lane& lane, bool needed);
  void post(Lane& lane, Communicator& group, int from, std::size_t action);
  static Buffer* await(Lane& lane);
  static void settle(Lane& lane);
  const PipelineAction* after(std::size_t i) const;
  void forward(PipelineStage& stage, const PipelineAction& action);
  void backward(PipelineStage& stage, const PipelineAction& action, bool whole);
  Buffer*& held_input(const PipelineAction& action);
  void release_input(const PipelineAction& action);

  PipelinePlan plan_;
  Communicator &activations_, &gradients_;
  int stage_, most_in_flight_ = 0;
  Lane inputs_, outputs_, gradient_buffers_;
  std::vector<Buffer*> held_;  // the input of each (microbatch, chunk) in flight
};

}  // namespace ergon
