// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/pipeline_schedule.hpp"

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {
namespace {

using Kind = PipelineAction::Kind;

// Appends the actions of one stage, counting forwards, backwards and weight halves.
class StageWriter {
 public:
  StageWriter(const PipelinePlan& plan, std::vector<PipelineAction>& actions) : plan_(plan), actions_(actions) {}

  int total() const { return plan_.microbatches * plan_.chunks; }
  int backwards() const { return backwards_; }
  int weights() const { return weights_; }
  void forward() { add(Kind::forward, forwards_++, false); }
  void backward_input() { add(Kind::backward_input, backwards_++, true); }
  void backward_weight() { add(Kind::backward_weight, weights_++, true); }
  void backward() {
    backward_input();
    backward_weight();
  }

 private:
  // Chunks take turns, a group of S microbatches each; backward goes through the chunks from the last.
  void add(Kind kind, int number, bool reversed) {
    const int group = plan_.chunks > 1 ? plan_.stages : plan_.microbatches;
    const int round = number / (group * plan_.chunks), within = number % (group * plan_.chunks), turn = within / group;
    actions_.push_back({kind, round * group + within % group, reversed ? plan_.chunks - 1 - turn : turn});
  }

  const PipelinePlan& plan_;
  std::vector<PipelineAction>& actions_;
  int forwards_ = 0, backwards_ = 0, weights_ = 0;
};

void write_gpipe(StageWriter writer) {
  for (int i = 0; i < writer.total(); ++i) writer.forward();
  for (int i = 0; i < writer.total(); ++i) writer.backward();
}

void write_one_f_one_b(StageWriter writer, int ahead) {
  const int warm_up = std::min(ahead, writer.total());
  for (int i = 0; i < warm_up; ++i) writer.forward();
  for (int i = warm_up; i < writer.total(); ++i) {
    writer.forward();
    writer.backward();
  }
  for (int i = 0; i < warm_up; ++i) writer.backward();
}

void write_zero_bubble(StageWriter writer, int ahead, int delay) {
  const int warm_up = std::min(ahead, writer.total());
  const auto backward = [&] {
    writer.backward_input();
    if (writer.backwards() - writer.weights() > delay) writer.backward_weight();
  };
  for (int i = 0; i < warm_up; ++i) writer.forward();
  for (int i = warm_up; i < writer.total(); ++i) {
    writer.forward();
    backward();
  }
  for (int i = 0; i < warm_up; ++i) backward();
  while (writer.weights() < writer.total()) writer.backward_weight();
}

std::int64_t cost_of(const PipelineCosts& costs, Kind kind) {
  return kind == Kind::forward ? costs.forward : kind == Kind::backward_input ? costs.backward_input : costs.backward_weight;
}

// When each (kind, part of the model, microbatch) ended; -1 while it has not run.
class Ends {
 public:
  explicit Ends(const PipelinePlan& plan)
      : plan_(plan), parts_(plan.stages * plan.chunks), ends_(static_cast<std::size_t>(3 * parts_ * plan.microbatches), -1) {}

  int part(int stage, int chunk) const { return chunk * plan_.stages + stage; }
  std::int64_t& at(Kind kind, int part, int microbatch) {
    return ends_[static_cast<std::size_t>((static_cast<int>(kind) * parts_ + part) * plan_.microbatches + microbatch)];
  }
  // The time at which everything that this action needs is done; -1 when some of it has not run yet.
  std::int64_t ready(int stage, const PipelineAction& action) {
    const int own = part(stage, action.chunk), m = action.microbatch;
    switch (action.kind) {
      case Kind::forward:
        return own == 0 ? 0 : at(Kind::forward, own - 1, m);
      case Kind::backward_input: {
        const std::int64_t forward = at(Kind::forward, own, m);
        if (own == parts_ - 1) return forward;
        const std::int64_t after = at(plan_.split ? Kind::backward_input : Kind::backward_weight, own + 1, m);
        return forward < 0 || after < 0 ? -1 : std::max(forward, after);
      }
      case Kind::backward_weight:
        return at(Kind::backward_input, own, m);
    }
    return -1;
  }

 private:
  const PipelinePlan& plan_;
  int parts_;
  std::vector<std::int64_t> ends_;
};

PipelinePlan empty_plan(int stages, int microbatches, int chunks) {
  ERGON_CHECK(stages >= 1 && microbatches >= 1 && chunks >= 1, "{} stages, {} microbatches, {} chunks", stages, microbatches, chunks);
  if (chunks > 1 && microbatches % stages != 0)
    throw Error(fmt::format("the interleaved schedule cannot deal {} microbatches to {} stages in equal groups", microbatches, stages),
                "mesh.schedule",
                fmt::format("choose train.batch so that microbatches per step and data rank are a multiple of mesh.pp = {}", stages));
  PipelinePlan plan;
  plan.stages = stages;
  plan.microbatches = microbatches;
  plan.chunks = chunks;
  plan.actions.resize(static_cast<std::size_t>(stages));
  return plan;
}

}  // namespace

int most_in_flight(const std::vector<PipelineAction>& actions) {
  int now = 0, most = 0;
  bool trains = false;
  for (const PipelineAction& action : actions) {
    now += action.kind == Kind::forward ? 1 : action.kind == Kind::backward_weight ? -1 : 0;
    most = std::max(most, now);
    trains = trains || action.kind != Kind::forward;
  }
  return trains ? most : 1;
}

PipelinePlan plan_forwards(int stages, int microbatches, int chunks) {
  PipelinePlan plan = empty_plan(stages, microbatches, chunks);
  plan.trains = false;
  for (std::vector<PipelineAction>& actions : plan.actions) {
    StageWriter writer(plan, actions);
    for (int i = 0; i < writer.total(); ++i) writer.forward();
  }
  return plan;
}

PipelinePlan plan_pipeline(PipelineSchedule schedule, int stages, int microbatches, int chunks) {
  if (chunks > 1 && schedule != PipelineSchedule::interleaved)
    throw Error(fmt::format("{} virtual stages need the interleaved schedule", chunks), "mesh.virtual_stages",
                "set mesh.schedule = \"interleaved\", or mesh.virtual_stages = 1");
  PipelinePlan plan = empty_plan(stages, microbatches, chunks);
  plan.split = schedule == PipelineSchedule::zero_bubble;
  for (int stage = 0; stage < stages; ++stage) {
    const StageWriter writer(plan, plan.actions[static_cast<std::size_t>(stage)]);
    const int after = stages - 1 - stage;
    switch (schedule) {
      case PipelineSchedule::gpipe:
        write_gpipe(writer);
        break;
      case PipelineSchedule::one_f_one_b:
        write_one_f_one_b(writer, after);
        break;
      case PipelineSchedule::interleaved:
        write_one_f_one_b(writer, chunks == 1 ? after : 2 * after + (chunks - 1) * stages);
        break;
      case PipelineSchedule::zero_bubble:
        write_zero_bubble(writer, after, stage);
        break;
    }
  }
  return plan;
}

PipelineTimeline play(const PipelinePlan& plan, const PipelineCosts& costs) {
  const auto stages = static_cast<std::size_t>(plan.stages);
  Ends ends(plan);
  PipelineTimeline timeline;
  timeline.start.resize(stages);
  std::vector<std::int64_t> free(stages, 0), busy(stages, 0);
  const std::size_t expected = static_cast<std::size_t>((plan.trains ? 3 : 1) * plan.microbatches * plan.chunks);
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t s = 0; s < stages; ++s)
      while (timeline.start[s].size() < plan.actions[s].size()) {
        const PipelineAction& action = plan.actions[s][timeline.start[s].size()];
        ERGON_CHECK(action.microbatch >= 0 && action.microbatch < plan.microbatches && action.chunk >= 0 && action.chunk < plan.chunks,
                    "stage {} runs microbatch {} of chunk {}", s, action.microbatch, action.chunk);
        const std::int64_t ready = ends.ready(static_cast<int>(s), action);
        if (ready < 0) break;
        std::int64_t& end = ends.at(action.kind, ends.part(static_cast<int>(s), action.chunk), action.microbatch);
        ERGON_CHECK(end < 0, "stage {} runs an action of microbatch {} twice", s, action.microbatch);
        timeline.start[s].push_back(std::max(ready, free[s]));
        end = free[s] = timeline.start[s].back() + cost_of(costs, action.kind);
        busy[s] += cost_of(costs, action.kind);
        moved = true;
      }
  }
  for (std::size_t s = 0; s < stages; ++s) {
    ERGON_CHECK(timeline.start[s].size() == plan.actions[s].size(), "stage {} waits for ever at action {}", s, timeline.start[s].size());
    ERGON_CHECK(plan.actions[s].size() == expected, "stage {} has {} actions, not {}", s, plan.actions[s].size(), expected);
    timeline.makespan = std::max(timeline.makespan, free[s]);
  }
  for (std::int64_t work : busy) timeline.idle.push_back(timeline.makespan - work);
  for (const auto& actions : plan.actions) timeline.most_in_flight.push_back(most_in_flight(actions));
  return timeline;
}

std::string to_string(const PipelinePlan& plan, const PipelineCosts& costs) {
  const PipelineTimeline timeline = play(plan, costs);
  const int digits = static_cast<int>(fmt::format("{}", plan.microbatches - 1).size()), chunk_digits = plan.chunks > 1 ? 2 : 0;
  const int width = 2 + digits + chunk_digits;
  std::string text;
  for (std::size_t s = 0; s < plan.actions.size(); ++s) {
    std::vector<std::string> columns(static_cast<std::size_t>(timeline.makespan), fmt::format("{:<{}}", ".", width));
    for (std::size_t i = 0; i < plan.actions[s].size(); ++i) {
      const PipelineAction& action = plan.actions[s][i];
      const std::string label = fmt::format("{}{}{}", "FBW"[static_cast<std::size_t>(action.kind)], action.microbatch,
                                            plan.chunks > 1 ? fmt::format("/{}", action.chunk) : std::string());
      for (std::int64_t t = 0; t < cost_of(costs, action.kind); ++t)
        columns[static_cast<std::size_t>(timeline.start[s][i] + t)] = fmt::format("{:<{}}", label, width);
    }
    text += fmt::format("stage {:<3}", s);
    for (const std::string& column : columns) text += column;
    text.erase(text.find_last_not_of(' ') + 1);
    text += "\n";
  }
  return text;
}

}  // namespace ergon
