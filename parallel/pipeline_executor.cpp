// SPDX-License-Identifier: Apache-2.0
#include "parallel/pipeline_executor.hpp"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <utility>

#include "configs/error.hpp"

namespace ergon {
namespace {

using Kind = PipelineAction::Kind;

constexpr int num_outputs = 2;    // one is written while the one before travels
constexpr int num_gradients = 3;  // one arrives, one is computed, one travels
constexpr std::size_t ahead = 1;  // receives posted before they are needed

}  // namespace

PipelineExecutor::PipelineExecutor(PipelinePlan plan, Communicator& activations, Communicator& gradients, at::IntArrayRef row_sizes,
                                   at::TensorOptions options)
    : plan_(std::move(plan)), activations_(activations), gradients_(gradients), stage_(activations.rank()) {
  ERGON_CHECK(activations.size() == plan_.stages && gradients.size() == plan_.stages && gradients.rank() == stage_,
              "a plan of {} stages over groups of {} and {} ranks", plan_.stages, activations.size(), gradients.size());
  ERGON_CHECK(plan_.stages > 1 || plan_.chunks == 1, "{} chunks on one stage", plan_.chunks);
  plan_lanes(row_sizes, options);
}

void PipelineExecutor::plan_lanes(at::IntArrayRef row_sizes, at::TensorOptions options) {
  const std::vector<PipelineAction>& actions = plan_.actions.at(static_cast<std::size_t>(stage_));
  most_in_flight_ = ergon::most_in_flight(actions);
  held_.resize(static_cast<std::size_t>(plan_.microbatches * plan_.chunks), nullptr);
  if (plan_.stages == 1) return;
  for (std::size_t i = 0; i < actions.size(); ++i) {
    if (actions[i].kind == Kind::forward && !first(actions[i].chunk)) inputs_.actions.push_back(i);
    if (actions[i].kind == Kind::backward_input && !last(actions[i].chunk)) gradient_buffers_.actions.push_back(i);
  }
  const auto make = [&](Lane& lane, int count) {
    lane.buffers.resize(static_cast<std::size_t>(count));
    for (Buffer& buffer : lane.buffers) buffer.data = at::zeros(row_sizes, options);
    lane.receives.reserve(ahead + 1);
  };
  make(inputs_, inputs_.actions.empty() ? 0 : most_in_flight_ + 1);
  make(outputs_, num_outputs);
  make(gradient_buffers_, plan_.trains ? num_gradients : 0);
}

Bytes PipelineExecutor::buffer_bytes() const {
  Bytes total{};
  for (const Lane* lane : {&inputs_, &outputs_, &gradient_buffers_})
    for (const Buffer& buffer : lane->buffers) total += Bytes{static_cast<std::int64_t>(buffer.data.nbytes())};
  return total;
}

void PipelineExecutor::run(PipelineStage& stage) {
  const std::vector<PipelineAction>& actions = plan_.actions[static_cast<std::size_t>(stage_)];
  for (Lane* lane : {&inputs_, &gradient_buffers_}) lane->posted = lane->awaited = 0;
  for (std::size_t i = 0; i < actions.size(); ++i) {
    post(inputs_, activations_, previous(), i);
    post(gradient_buffers_, gradients_, next(), i);
    const PipelineAction& action = actions[i];
    if (action.kind != Kind::backward_weight) stage.announce(after(i));
    switch (action.kind) {
      case Kind::forward:
        forward(stage, action);
        break;
      case Kind::backward_input:
        backward(stage, action, !plan_.split);
        break;
      case Kind::backward_weight:
        if (plan_.split) stage.backward_weight(action.microbatch, action.chunk);
        release_input(action);
        break;
    }
  }
  for (Lane* lane : {&outputs_, &gradient_buffers_}) settle(*lane);
}

// The pass after action i that is not a weight half.
const PipelineAction* PipelineExecutor::after(std::size_t i) const {
  const std::vector<PipelineAction>& actions = plan_.actions[static_cast<std::size_t>(stage_)];
  const auto next = std::find_if(actions.begin() + static_cast<std::ptrdiff_t>(i) + 1, actions.end(),
                                 [](const PipelineAction& action) { return action.kind != Kind::backward_weight; });
  return next == actions.end() ? nullptr : &*next;
}

// Posts what `action` waits for, and what comes after it while there are buffers. Nothing is posted further ahead: a receive holds a
// buffer.
void PipelineExecutor::post(Lane& lane, Communicator& group, int from, std::size_t action) {
  while (lane.posted < lane.actions.size() && lane.posted <= lane.awaited + ahead) {
    Buffer* buffer = take_buffer(lane, lane.actions[lane.posted] == action);
    if (buffer == nullptr) return;
    lane.receives.push_back({buffer, group.recv(buffer->data, from)});
    ++lane.posted;
  }
}

PipelineExecutor::Buffer* PipelineExecutor::await(Lane& lane) {
  ERGON_CHECK(!lane.receives.empty(), "a message is awaited that was not posted");
  Buffer* buffer = lane.receives.front().buffer;
  lane.receives.front().work.wait();
  lane.receives.erase(lane.receives.begin());
  ++lane.awaited;
  return buffer;
}

// A buffer that nobody holds or sends. When none is, and one is needed, the first that is being sent.
PipelineExecutor::Buffer* PipelineExecutor::take_buffer(Lane& lane, bool needed) {
  Buffer* travelling = nullptr;
  for (Buffer& buffer : lane.buffers) {
    if (buffer.taken) continue;
    if (buffer.sending.query()) {
      buffer.taken = true;
      return &buffer;
    }
    if (travelling == nullptr) travelling = &buffer;
  }
  if (!needed) return nullptr;
  ERGON_CHECK(travelling != nullptr, "all {} buffers are held", lane.buffers.size());
  travelling->sending.wait();
  travelling->taken = true;
  return travelling;
}

void PipelineExecutor::settle(Lane& lane) {
  for (Buffer& buffer : lane.buffers) buffer.sending.wait();
}

PipelineExecutor::Buffer*& PipelineExecutor::held_input(const PipelineAction& action) {
  return held_[static_cast<std::size_t>(action.microbatch * plan_.chunks + action.chunk)];
}

void PipelineExecutor::release_input(const PipelineAction& action) {
  if (Buffer*& input = held_input(action); input != nullptr) std::exchange(input, nullptr)->taken = false;
}

void PipelineExecutor::forward(PipelineStage& stage, const PipelineAction& action) {
  Buffer* input = first(action.chunk) ? nullptr : await(inputs_);
  Buffer* output = last(action.chunk) ? nullptr : take_buffer(outputs_, true);
  held_input(action) = input;
  stage.forward(action.microbatch, action.chunk, input ? input->data : at::Tensor(), output ? output->data : at::Tensor());
  if (output != nullptr) {
    output->sending = activations_.send(output->data, next());
    output->taken = false;
  }
  if (!plan_.trains) release_input(action);
}

void PipelineExecutor::backward(PipelineStage& stage, const PipelineAction& action, bool whole) {
  if (plan_.stages == 1) {
    if (whole) return stage.backward(action.microbatch, action.chunk, at::Tensor());
    return stage.backward_input(action.microbatch, action.chunk, at::Tensor());
  }
  Buffer* gradient = last(action.chunk) ? take_buffer(gradient_buffers_, true) : await(gradient_buffers_);
  if (whole) {
    stage.backward(action.microbatch, action.chunk, gradient->data);
  } else {
    stage.backward_input(action.microbatch, action.chunk, gradient->data);
  }
  if (!first(action.chunk)) gradient->sending = gradients_.send(gradient->data, previous());
  gradient->taken = false;
}

}  // namespace ergon
