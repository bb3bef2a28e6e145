// SPDX-License-Identifier: Apache-2.0
// What passes between the stages of a pipeline, as data: before which action each side of a message is started, together with which others,
// and in which buffer it lies.
//
// A message is started when the action that makes it has ended, on the clock of `play` with actions of one unit: on both stages between the
// actions that began before that moment and those that begin at it or later. So all stages start messages in the order of one clock. Then
// no two wait for each other, nor any number in a circle, even where a message holds up all that is started after it, as on the stream of a
// device, and where a send ends only with its receive: of the messages that have not met, the earliest stands first in line on both sides.
// Messages of one moment and lane are started at once (an exchange), activations before gradients.
//
// Example, S = 2, M = 2, 1f1b. Stage 0: F0 | F0 -> | F1 | F1 ->, <- B0 | B0 W0 | <- B1 | B1 W1. Stage 1: -> F0 | F0 | -> F1 | B0 W0 | B0 ->
// | F1 B1 W1 | B1 ->. The activations of F1 are sent at 2; the gradient of microbatch 0 at 4, when W0 of stage 1 has ended.
#pragma once

#include <cstdint>
#include <vector>

#include "parallel/plan/pipeline_schedule.hpp"

namespace ergon {

enum class PipelineLane : std::uint8_t { activations, gradients };

// One side of a message; `action` of this stage makes it or takes it.
struct PipelineMessage {
  enum class Side : std::uint8_t { receives, sends };
  Side side;
  int peer;  // the other stage
  int action;
  int buffer;
};

struct PipelineExchange {
  PipelineLane lane;
  std::vector<PipelineMessage> messages;
};

struct StageMessages {
  static constexpr int none = -1;
  // What an action of a stage reads and writes; gradient: where that of its output becomes that of its input.
  struct Buffers {
    int input = none, output = none, gradient = none;
  };
  std::vector<std::vector<PipelineExchange>> before;  // by action, in order; the last entry: after all of them
  std::vector<Buffers> buffers;                       // by action
  // How many of each. An input is held from its receive to the end of backward_weight; outputs and gradients until they are sent, and one
  // of each is to spare, so that the next is computed while one travels.
  int inputs = 0, outputs = 0, gradients = 0;
};

StageMessages plan_messages(const PipelinePlan& plan, int stage);

}  // namespace ergon
