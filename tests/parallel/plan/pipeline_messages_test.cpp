// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/pipeline_messages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

using Kind = PipelineAction::Kind;
using Side = PipelineMessage::Side;

std::vector<PipelinePlan> plans() {
  std::vector<PipelinePlan> all;
  for (const int stages : {1, 2, 3, 4, 8})
    for (const int microbatches : {1, 2, 3, 4, 8, 12, 24})
      for (const int chunks : {1, 2, 3}) {
        const bool interleaves = stages > 1 && microbatches % stages == 0;
        if (chunks == 1)
          for (const PipelineSchedule schedule : {PipelineSchedule::gpipe, PipelineSchedule::one_f_one_b, PipelineSchedule::zero_bubble})
            all.push_back(plan_pipeline(schedule, stages, microbatches));
        if (chunks > 1 && !interleaves) continue;
        all.push_back(plan_pipeline(PipelineSchedule::interleaved, stages, microbatches, chunks));
        all.push_back(plan_forwards(stages, microbatches, chunks));
      }
  return all;
}

std::string name_of(const PipelinePlan& plan, int stage, int action) {
  const PipelineAction& a = plan.actions[static_cast<std::size_t>(stage)][static_cast<std::size_t>(action)];
  return fmt::format("{}{}{}", "FBW"[static_cast<std::size_t>(a.kind)], a.microbatch, a.chunk > 0 ? fmt::format("/{}", a.chunk) : "");
}

// "F0 | F0 -> | F1": what a stage does, in order.
std::string written(const PipelinePlan& plan, int stage, const StageMessages& messages) {
  std::string text;
  for (std::size_t i = 0; i < messages.before.size(); ++i) {
    for (const PipelineExchange& exchange : messages.before[i]) {
      text += "[";
      for (const PipelineMessage& m : exchange.messages)
        text +=
            fmt::format("{}{}{}", text.back() == '[' ? "" : " ", m.side == Side::sends ? "send " : "get ", name_of(plan, stage, m.action));
      text += "] ";
    }
    if (i < messages.buffers.size()) text += name_of(plan, stage, static_cast<int>(i)) + " ";
  }
  text.pop_back();
  return text;
}

// A stage as a stream of a device sees it: actions and exchanges in one line, each of which ends before the next begins.
struct Line {
  struct Entry {
    int action = -1;  // an action, or
    const PipelineExchange* exchange = nullptr;
  };
  std::vector<Entry> entries;
  std::size_t at = 0;
};

Line line_of(const StageMessages& messages) {
  Line line;
  for (std::size_t i = 0; i < messages.before.size(); ++i) {
    for (const PipelineExchange& exchange : messages.before[i]) line.entries.push_back({-1, &exchange});
    if (i < messages.buffers.size()) line.entries.push_back({static_cast<int>(i), nullptr});
  }
  return line;
}

// Whether all lines come to their end when a message needs both sides at the front of their lines, and an exchange all its messages.
bool end(std::vector<Line> lines) {
  std::set<const PipelineExchange*> open;
  std::map<const PipelineExchange*, std::set<std::size_t>> met;
  const auto front = [&](std::size_t stage) -> const PipelineExchange* {
    Line& line = lines[stage];
    return line.at < line.entries.size() ? line.entries[line.at].exchange : nullptr;
  };
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t stage = 0; stage < lines.size(); ++stage) {
      Line& line = lines[stage];
      for (; line.at < line.entries.size() && line.entries[line.at].exchange == nullptr; ++line.at) moved = true;
      const PipelineExchange* mine = front(stage);
      if (mine == nullptr) continue;
      for (std::size_t m = 0; m < mine->messages.size(); ++m) {
        const PipelineMessage& message = mine->messages[m];
        const PipelineExchange* other = front(static_cast<std::size_t>(message.peer));
        if (met[mine].contains(m) || other == nullptr || other->lane != mine->lane) continue;
        for (std::size_t o = 0; o < other->messages.size(); ++o) {
          const PipelineMessage& answer = other->messages[o];
          if (met[other].contains(o) || answer.peer != static_cast<int>(stage) || answer.side == message.side) continue;
          met[mine].insert(m);
          met[other].insert(o);
          moved = true;
          break;
        }
      }
      if (met[mine].size() == mine->messages.size()) {
        ++line.at;
        moved = true;
      }
    }
  }
  return std::all_of(lines.begin(), lines.end(), [](const Line& line) { return line.at == line.entries.size(); });
}

std::vector<StageMessages> all_messages(const PipelinePlan& plan) {
  std::vector<StageMessages> all;
  for (int stage = 0; stage < plan.stages; ++stage) all.push_back(plan_messages(plan, stage));
  return all;
}

bool ends(const std::vector<StageMessages>& messages) {
  std::vector<Line> lines;
  for (const StageMessages& of_stage : messages) lines.push_back(line_of(of_stage));
  return end(std::move(lines));
}

// The same messages as a program without a clock would start them: a receive before the action that wants it, a send after the one that
// made it.
std::vector<StageMessages> without_clock(const PipelinePlan& plan) {
  std::vector<StageMessages> all = all_messages(plan);
  for (StageMessages& messages : all) {
    std::vector<std::vector<PipelineExchange>> moved(messages.before.size());
    for (const auto& exchanges : messages.before)
      for (const PipelineExchange& exchange : exchanges)
        for (const PipelineMessage& m : exchange.messages)
          moved[static_cast<std::size_t>(m.action) + (m.side == Side::sends ? 1 : 0)].push_back({exchange.lane, {m}});
    for (auto& exchanges : moved)
      std::stable_partition(exchanges.begin(), exchanges.end(), [](const auto& e) { return e.messages[0].side == Side::sends; });
    messages.before = std::move(moved);
  }
  return all;
}

}  // namespace

TEST_CASE("pipeline_messages: the header's example, and zero_bubble") {
  const PipelinePlan plan = plan_pipeline(PipelineSchedule::one_f_one_b, 2, 2);
  CHECK(written(plan, 0, plan_messages(plan, 0)) == "F0 [send F0] F1 [send F1] [get B0] B0 W0 [get B1] B1 W1");
  CHECK(written(plan, 1, plan_messages(plan, 1)) == "[get F0] F0 [get F1] B0 W0 [send B0] F1 B1 W1 [send B1]");
  const PipelinePlan split = plan_pipeline(PipelineSchedule::zero_bubble, 2, 2);
  CHECK(written(split, 0, plan_messages(split, 0)) == "F0 [send F0] F1 [send F1] [get B0] B0 W0 [get B1] B1 W1");
  CHECK(written(split, 1, plan_messages(split, 1)) == "[get F0] F0 [get F1] B0 [send B0] F1 B1 [send B1] W0 W1");
}

TEST_CASE("pipeline_messages: no schedule stands still where messages hold up what was started after them") {
  for (const PipelinePlan& plan : plans()) {
    CAPTURE(plan.stages, plan.microbatches, plan.chunks, plan.split, plan.trains);
    CHECK(ends(all_messages(plan)));
  }
  // Without the clock some do.
  CHECK_FALSE(ends(without_clock(plan_pipeline(PipelineSchedule::one_f_one_b, 4, 8))));
  CHECK_FALSE(ends(without_clock(plan_pipeline(PipelineSchedule::interleaved, 2, 4, 2))));
  CHECK_FALSE(ends(without_clock(plan_pipeline(PipelineSchedule::zero_bubble, 4, 8))));
  CHECK(ends(without_clock(plan_pipeline(PipelineSchedule::gpipe, 2, 2))));
}

TEST_CASE(
    "pipeline_messages: every boundary is crossed once a microbatch, in one order on both sides, after what makes it and before what "
    "takes it") {
  for (const PipelinePlan& plan : plans()) {
    CAPTURE(plan.stages, plan.microbatches, plan.chunks, plan.split, plan.trains);
    std::map<std::tuple<int, int, PipelineLane>, std::vector<std::string>> sent, received;
    int crossings = 0;
    for (int stage = 0; stage < plan.stages; ++stage) {
      const StageMessages messages = plan_messages(plan, stage);
      for (std::size_t i = 0; i < messages.before.size(); ++i)
        for (const PipelineExchange& exchange : messages.before[i])
          for (const PipelineMessage& m : exchange.messages) {
            const PipelineAction& action = plan.actions[static_cast<std::size_t>(stage)][static_cast<std::size_t>(m.action)];
            const int part = action.chunk * plan.stages + stage, step = exchange.lane == PipelineLane::activations ? 1 : -1;
            const int from = m.side == Side::sends ? part : part - step;
            const std::string what = fmt::format("microbatch {} of part {}", action.microbatch, from);
            if (m.side == Side::sends) {
              sent[{stage, m.peer, exchange.lane}].push_back(what);
              CHECK(static_cast<std::size_t>(m.action) < i);
              ++crossings;
            } else {
              received[{m.peer, stage, exchange.lane}].push_back(what);
              CHECK(static_cast<std::size_t>(m.action) >= i);
            }
          }
    }
    CHECK(sent == received);
    CHECK(crossings == (plan.trains ? 2 : 1) * (plan.stages * plan.chunks - 1) * plan.microbatches);
  }
}

TEST_CASE("pipeline_messages: buffers are few, and none is written while somebody needs what it holds") {
  for (const PipelinePlan& plan : plans()) {
    CAPTURE(plan.stages, plan.microbatches, plan.chunks, plan.split, plan.trains);
    for (int stage = 0; stage < plan.stages; ++stage) {
      CAPTURE(stage);
      const StageMessages messages = plan_messages(plan, stage);
      const auto& actions = plan.actions[static_cast<std::size_t>(stage)];
      // With several chunks a stage more gradients come before their turn.
      CHECK(messages.inputs <= most_in_flight(actions) + (plan.chunks > 1 ? 2 : 1));
      CHECK(messages.outputs <= 2);
      CHECK(messages.gradients <= 2 + (plan.chunks > 1 ? plan.stages / 2 : 0));
      // By buffer: the microbatch and chunk that it holds, and until when it must.
      std::map<std::pair<char, int>, std::pair<int, int>> holds;
      const auto take = [&](char kind, int buffer, int m, int c) {
        CHECK(!holds.contains({kind, buffer}));
        holds[{kind, buffer}] = {m, c};
      };
      for (std::size_t i = 0; i < messages.before.size(); ++i) {
        for (const PipelineExchange& exchange : messages.before[i])
          for (const PipelineMessage& m : exchange.messages) {
            const PipelineAction& action = actions[static_cast<std::size_t>(m.action)];
            const char kind = exchange.lane == PipelineLane::gradients ? 'g' : m.side == Side::sends ? 'o' : 'i';
            if (m.side == Side::receives) take(kind, m.buffer, action.microbatch, action.chunk);
          }
        for (const PipelineExchange& exchange : messages.before[i])
          for (const PipelineMessage& m : exchange.messages)
            if (m.side == Side::sends) CHECK(holds.erase({exchange.lane == PipelineLane::gradients ? 'g' : 'o', m.buffer}) == 1);
        if (i == actions.size()) continue;
        const auto& [input, output, gradient] = messages.buffers[i];
        const PipelineAction& a = actions[i];
        const int part = a.chunk * plan.stages + stage, last = plan.stages * plan.chunks - 1;
        const std::pair<int, int> here{a.microbatch, a.chunk};
        if (a.kind == Kind::forward) {
          CHECK((input == StageMessages::none) == (part == 0));
          CHECK((output == StageMessages::none) == (part == last));
          if (input >= 0) CHECK(holds.at({'i', input}) == here);
          if (output >= 0) take('o', output, a.microbatch, a.chunk);
          if (input >= 0 && !plan.trains) holds.erase({'i', input});
        } else if (a.kind == Kind::backward_input && plan.stages > 1) {
          if (part == last) take('g', gradient, a.microbatch, a.chunk);
          CHECK(holds.at({'g', gradient}) == here);
          if (part == 0) holds.erase({'g', gradient});
        } else if (a.kind == Kind::backward_weight) {
          std::erase_if(holds, [&](const auto& held) { return held.first.first == 'i' && held.second == here; });
        }
      }
      CHECK(holds.empty());
    }
  }
}
