// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/pipeline_messages.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <tuple>

#include "configs/error.hpp"

namespace ergon {
namespace {

using Kind = PipelineAction::Kind;
using Side = PipelineMessage::Side;

// Which buffers of a kind are taken. `spare` ones rest after their use before they are taken again.
class BufferPool {
 public:
  explicit BufferPool(std::size_t spare) : spare_(spare) {}

  int take() {
    if (free_.size() <= spare_) return count_++;
    const int buffer = free_.front();
    free_.pop_front();
    return buffer;
  }
  void give_back(int buffer) { free_.push_back(buffer); }
  int count() const { return count_; }

 private:
  std::size_t spare_;
  std::deque<int> free_;  // rested longest first
  int count_ = 0;
};

class MessagePlanner {
 public:
  MessagePlanner(const PipelinePlan& plan, int stage)
      : plan_(plan), actions_(plan.actions.at(static_cast<std::size_t>(stage))), stage_(stage), timeline_(play(plan)) {}

  StageMessages messages() {
    for (std::size_t i = 0; i < actions_.size(); ++i) action_of_[key(actions_[i])] = static_cast<int>(i);
    result_.before.resize(actions_.size() + 1);
    result_.buffers.resize(actions_.size());
    if (plan_.stages > 1) {
      collect(stage_, Side::sends);
      collect((stage_ + plan_.stages - 1) % plan_.stages, Side::receives, PipelineLane::activations);
      collect((stage_ + 1) % plan_.stages, Side::receives, PipelineLane::gradients);
      order();
    }
    for (std::size_t i = 0; i < result_.before.size(); ++i) walk(i);
    result_.inputs = inputs_.count();
    result_.outputs = outputs_.count();
    result_.gradients = gradients_.count();
    return std::move(result_);
  }

 private:
  using Key = std::tuple<Kind, int, int>;
  static Key key(const PipelineAction& action) { return {action.kind, action.microbatch, action.chunk}; }
  int part(int stage, int chunk) const { return chunk * plan_.stages + stage; }
  int last_part() const { return plan_.stages * plan_.chunks - 1; }

  // A message that some stage makes, as this one sees it.
  struct Event {
    std::int64_t moment;
    PipelineLane lane;
    PipelineMessage message;
  };

  void collect(int sender, Side side) {
    for (const PipelineLane lane : {PipelineLane::activations, PipelineLane::gradients}) collect(sender, side, lane);
  }

  // What `sender` makes for one lane, in the order of its actions.
  void collect(int sender, Side side, PipelineLane lane) {
    const auto& actions = plan_.actions[static_cast<std::size_t>(sender)];
    const bool forward = lane == PipelineLane::activations;
    const Kind ends_with = forward ? Kind::forward : plan_.split ? Kind::backward_input : Kind::backward_weight;
    for (std::size_t i = 0; i < actions.size(); ++i) {
      const PipelineAction& action = actions[i];
      const int from = part(sender, action.chunk), to = from + (forward ? 1 : -1);
      if (action.kind != ends_with || to < 0 || to > last_part()) continue;
      const Kind kind = forward ? Kind::forward : Kind::backward_input;
      const int receiver = to % plan_.stages, here = side == Side::sends ? from : to;
      const int own = action_of_.at({kind, action.microbatch, here / plan_.stages});
      const std::int64_t ended = timeline_.start[static_cast<std::size_t>(sender)][i] + 1;
      events_.push_back({ended, lane, {side, side == Side::sends ? receiver : sender, own, StageMessages::none}});
    }
  }

  void order() {
    std::stable_sort(events_.begin(), events_.end(),
                     [](const Event& a, const Event& b) { return std::tie(a.moment, a.lane) < std::tie(b.moment, b.lane); });
    const auto& start = timeline_.start[static_cast<std::size_t>(stage_)];
    for (std::size_t e = 0; e < events_.size(); ++e) {
      const Event& event = events_[e];
      const auto position = static_cast<std::size_t>(std::lower_bound(start.begin(), start.end(), event.moment) - start.begin());
      std::vector<PipelineExchange>& here = result_.before[position];
      const bool joins = e > 0 && events_[e - 1].moment == event.moment && events_[e - 1].lane == event.lane;
      if (!joins) here.push_back({event.lane, {}});
      here.back().messages.push_back(event.message);
    }
  }

  BufferPool& pool(PipelineLane lane, Side side) {
    if (lane == PipelineLane::gradients) return gradients_;
    return side == Side::sends ? outputs_ : inputs_;
  }
  int& buffer(PipelineLane lane, Side side, int action) {
    StageMessages::Buffers& of = result_.buffers[static_cast<std::size_t>(action)];
    if (lane == PipelineLane::gradients) return of.gradient;
    return side == Side::sends ? of.output : of.input;
  }

  // Buffers as the stage takes and leaves them: at the messages before an action, and in the action.
  void walk(std::size_t position) {
    for (PipelineExchange& exchange : result_.before[position])
      for (PipelineMessage& message : exchange.messages) {
        int& held = buffer(exchange.lane, message.side, message.action);
        if (message.side == Side::receives) held = pool(exchange.lane, message.side).take();
        message.buffer = held;
        if (message.side == Side::sends) pool(exchange.lane, message.side).give_back(held);
      }
    if (position == actions_.size() || plan_.stages == 1) return;
    const PipelineAction& action = actions_[position];
    const int own = part(stage_, action.chunk);
    StageMessages::Buffers& held = result_.buffers[position];
    switch (action.kind) {
      case Kind::forward:
        if (own < last_part()) held.output = outputs_.take();
        if (!plan_.trains && own > 0) inputs_.give_back(held.input);
        break;
      case Kind::backward_input:
        if (own == last_part()) held.gradient = gradients_.take();
        if (own == 0) gradients_.give_back(held.gradient);
        break;
      case Kind::backward_weight:
        if (own > 0) inputs_.give_back(input_of(action));
        break;
    }
  }
  int input_of(const PipelineAction& action) {
    return result_.buffers[static_cast<std::size_t>(action_of_.at({Kind::forward, action.microbatch, action.chunk}))].input;
  }

  const PipelinePlan& plan_;
  const std::vector<PipelineAction>& actions_;
  int stage_;
  PipelineTimeline timeline_;
  std::map<Key, int> action_of_;
  std::vector<Event> events_;
  BufferPool inputs_{0}, outputs_{1}, gradients_{1};
  StageMessages result_;
};

}  // namespace

StageMessages plan_messages(const PipelinePlan& plan, int stage) { return MessagePlanner(plan, stage).messages(); }

}  // namespace ergon
