// SPDX-License-Identifier: Apache-2.0
#include "parallel/pipeline_executor.hpp"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <utility>

#include "configs/error.hpp"

namespace ergon {
namespace {

using Kind = PipelineAction::Kind;
using Side = PipelineMessage::Side;

StageMessages checked_messages(const PipelinePlan& plan, const Communicator& activations, const Communicator& gradients) {
  ERGON_CHECK(activations.size() == plan.stages && gradients.size() == plan.stages && gradients.rank() == activations.rank(),
              "a plan of {} stages over groups of {} and {} ranks", plan.stages, activations.size(), gradients.size());
  ERGON_CHECK(plan.stages > 1 || plan.chunks == 1, "{} chunks on one stage", plan.chunks);
  return plan_messages(plan, activations.rank());
}

}  // namespace

PipelineExecutor::PipelineExecutor(PipelinePlan plan, Communicator& activations, Communicator& gradients, at::IntArrayRef row_sizes,
                                   at::TensorOptions options)
    : plan_(std::move(plan)),
      activations_(activations),
      gradients_(gradients),
      messages_(checked_messages(plan_, activations, gradients)),
      most_in_flight_(ergon::most_in_flight(plan_.actions[static_cast<std::size_t>(activations.rank())])) {
  const auto make = [&](Buffers& buffers, int count) {
    buffers.resize(static_cast<std::size_t>(count));
    for (Buffer& buffer : buffers) buffer.data = at::zeros(row_sizes, options);
  };
  make(inputs_, messages_.inputs);
  make(outputs_, messages_.outputs);
  make(gradient_buffers_, messages_.gradients);
}

Bytes PipelineExecutor::buffer_bytes() const {
  Bytes total{};
  for (const Buffers* buffers : {&inputs_, &outputs_, &gradient_buffers_})
    for (const Buffer& buffer : *buffers) total += Bytes{static_cast<std::int64_t>(buffer.data.nbytes())};
  return total;
}

void PipelineExecutor::run(PipelineStage& stage) {
  for (std::size_t i = 0; i < messages_.before.size(); ++i) {
    for (const PipelineExchange& exchange : messages_.before[i]) start(exchange);
    if (i < messages_.buffers.size()) act(stage, i);
  }
  for (Buffers* buffers : {&inputs_, &outputs_, &gradient_buffers_})
    for (Buffer& buffer : *buffers) buffer.work.wait();
}

PipelineExecutor::Buffers& PipelineExecutor::buffers_of(PipelineLane lane, Side side) {
  if (lane == PipelineLane::gradients) return gradient_buffers_;
  return side == Side::sends ? outputs_ : inputs_;
}

void PipelineExecutor::start(const PipelineExchange& exchange) {
  std::vector<Communicator::Message> messages;
  for (const PipelineMessage& message : exchange.messages) {
    const at::Tensor data = use(buffers_of(exchange.lane, message.side), message.buffer);
    messages.push_back({message.side == Side::sends ? Collective::send : Collective::recv, data, message.peer});
  }
  std::vector<Work> works = (exchange.lane == PipelineLane::activations ? activations_ : gradients_).start_together(messages);
  for (std::size_t i = 0; i < works.size(); ++i) {
    const PipelineMessage& message = exchange.messages[i];
    buffers_of(exchange.lane, message.side)[static_cast<std::size_t>(message.buffer)].work = std::move(works[i]);
  }
}

at::Tensor PipelineExecutor::use(Buffers& buffers, int index) {
  if (index == StageMessages::none) return {};
  Buffer& buffer = buffers[static_cast<std::size_t>(index)];
  buffer.work.wait();
  return buffer.data;
}

// The pass after an action that is not a weight half.
const PipelineAction* PipelineExecutor::after(std::size_t index) const {
  const auto next = std::find_if(actions().begin() + static_cast<std::ptrdiff_t>(index) + 1, actions().end(),
                                 [](const PipelineAction& action) { return action.kind != Kind::backward_weight; });
  return next == actions().end() ? nullptr : &*next;
}

void PipelineExecutor::act(PipelineStage& stage, std::size_t index) {
  const PipelineAction& action = actions()[index];
  if (action.kind != Kind::backward_weight) stage.announce(after(index));
  const StageMessages::Buffers& with = messages_.buffers[index];
  switch (action.kind) {
    case Kind::forward:
      return stage.forward(action.microbatch, action.chunk, use(inputs_, with.input), use(outputs_, with.output));
    case Kind::backward_input:
      if (plan_.split) return stage.backward_input(action.microbatch, action.chunk, use(gradient_buffers_, with.gradient));
      return stage.backward(action.microbatch, action.chunk, use(gradient_buffers_, with.gradient));
    case Kind::backward_weight:
      if (plan_.split) stage.backward_weight(action.microbatch, action.chunk);
  }
}

}  // namespace ergon
