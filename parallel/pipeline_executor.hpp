// SPDX-License-Identifier: Apache-2.0
// Runs the actions of one pipeline stage in the order of the plan, and moves what passes between stages: activations over one group,
// gradients over another, each from stage to stage around the ring of stages (the step from the last stage to the first exists with several
// chunks). The same for host tensors over MPI and for those of a device over NCCL.
//
// When a message is started and in which buffer it lies is data (parallel/plan/pipeline_messages.hpp), equal in every step, so that a
// device's launches have one order. A receive is awaited by the action that reads it, a send by the one that wants its buffer again, and
// what is left at the end of the run. On a device no wait holds up the host: it puts compute behind the message.
//
// Invariants: all buffers are made by the constructor and live as long as this; a run leaves none of them to a message.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "configs/quantities.hpp"
#include "parallel/communicator.hpp"
#include "parallel/pipeline_stage.hpp"
#include "parallel/plan/pipeline_messages.hpp"

namespace ergon {

class PipelineExecutor {
 public:
  // `activations` and `gradients` have the stages as ranks and outlive this. `row_sizes` {N, D} of what passes.
  PipelineExecutor(PipelinePlan plan, Communicator& activations, Communicator& gradients, at::IntArrayRef row_sizes,
                   at::TensorOptions options);

  // Collective over the stages. What the caller does next comes after every message.
  void run(PipelineStage& stage);

  const PipelinePlan& plan() const { return plan_; }
  int most_in_flight() const { return most_in_flight_; }  // (microbatch, chunk) pairs of this stage
  Bytes buffer_bytes() const;

 private:
  // A tensor, and its last message until somebody waited for it.
  struct Buffer {
    at::Tensor data;
    Work work;
  };
  using Buffers = std::vector<Buffer>;

  const std::vector<PipelineAction>& actions() const { return plan_.actions[static_cast<std::size_t>(activations_.rank())]; }
  const PipelineAction* after(std::size_t index) const;
  Buffers& buffers_of(PipelineLane lane, PipelineMessage::Side side);
  void start(const PipelineExchange& exchange);
  at::Tensor use(Buffers& buffers, int index);  // after what it last did; none: undefined
  void act(PipelineStage& stage, std::size_t index);

  PipelinePlan plan_;
  Communicator &activations_, &gradients_;
  StageMessages messages_;
  int most_in_flight_;
  Buffers inputs_, outputs_, gradient_buffers_;
};

}  // namespace ergon
