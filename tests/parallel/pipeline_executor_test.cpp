// SPDX-License-Identifier: Apache-2.0
#include "parallel/pipeline_executor.hpp"

#include <fmt/format.h>

#include <map>
#include <set>
#include <tuple>

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

using Kind = PipelineAction::Kind;

struct Case {
  PipelineSchedule schedule;
  int stages, microbatches, chunks;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const PipelineSchedule schedule :
       {PipelineSchedule::gpipe, PipelineSchedule::one_f_one_b, PipelineSchedule::interleaved, PipelineSchedule::zero_bubble})
    for (const int stages : {1, 2, 3, 4})
      for (const int microbatches : {1, 2, 3, 4, 8, 12})
        for (const int chunks : {1, 2, 3}) {
          if (chunks > 1 && (stages == 1 || schedule != PipelineSchedule::interleaved || microbatches % stages != 0)) continue;
          all.push_back({schedule, stages, microbatches, chunks});
        }
  return all;
}

// A model whose part p turns x into 10 x + p forward, and d into 10 d + p backward: what arrives says by which way it came.
class Parts final : public PipelineStage {
 public:
  Parts(const PipelinePlan& plan, int stage) : plan_(plan), stage_(stage) {}

  void announce(const PipelineAction* next) override {
    if (next != nullptr) announced.push_back(*next);
  }
  void forward(int microbatch, int chunk, const at::Tensor& x_ND, const at::Tensor& y_ND) override {
    done.push_back({Kind::forward, microbatch, chunk});
    const int part = part_of(chunk);
    if (x_ND.defined() != (part > 0) || y_ND.defined() != (part < last())) problem = "a boundary too few or too many";
    const double x = part == 0 ? 1000.0 + microbatch : value(x_ND);
    if (x_ND.defined()) inputs_[{microbatch, chunk}] = {x_ND, x};
    if (part > 0 && x != expected_forward(microbatch, part)) problem = fmt::format("part {} of {} got {}", part, microbatch, x);
    if (y_ND.defined()) y_ND.fill_(10 * x + part);
  }
  void backward_input(int microbatch, int chunk, const at::Tensor& d_ND) override {
    done.push_back({Kind::backward_input, microbatch, chunk});
    const int part = part_of(chunk);
    if (const auto input = inputs_.find({microbatch, chunk}); input != inputs_.end() && value(input->second.first) != input->second.second)
      problem = "an input changed before its backward";
    if (last() == 0) return;
    const double d = part == last() ? 2000.0 + microbatch : value(d_ND);
    if (part < last() && d != expected_backward(microbatch, part)) problem = fmt::format("part {} of {} got back {}", part, microbatch, d);
    d_ND.fill_(10 * d + part);
  }
  void backward_weight(int microbatch, int chunk) override {
    done.push_back({Kind::backward_weight, microbatch, chunk});
    if (const auto input = inputs_.find({microbatch, chunk}); input != inputs_.end() && value(input->second.first) != input->second.second)
      problem = "an input changed before the end of its backward";
    inputs_.erase({microbatch, chunk});
  }
  void backward(int microbatch, int chunk, const at::Tensor& d_ND) override {
    if (plan_.split) problem = "halves that the schedule parts were run as one";
    backward_input(microbatch, chunk, d_ND);
    backward_weight(microbatch, chunk);
  }

  // What was announced is what came, but for the first pass and the weight halves.
  bool came_as_announced() const {
    std::vector<PipelineAction> passes;
    for (const PipelineAction& action : done)
      if (action.kind != Kind::backward_weight) passes.push_back(action);
    return !passes.empty() && announced == std::vector<PipelineAction>(passes.begin() + 1, passes.end());
  }

  std::vector<PipelineAction> done, announced;
  std::string problem;

 private:
  int part_of(int chunk) const { return chunk * plan_.stages + stage_; }
  int last() const { return plan_.stages * plan_.chunks - 1; }
  static double value(const at::Tensor& x) { return x.data_ptr<double>()[x.numel() - 1]; }
  static double expected_forward(int microbatch, int part) {
    double x = 1000.0 + microbatch;
    for (int p = 0; p < part; ++p) x = 10 * x + p;
    return x;
  }
  double expected_backward(int microbatch, int part) const {
    double d = 2000.0 + microbatch;
    for (int p = last(); p > part; --p) d = 10 * d + p;
    return d;
  }

  const PipelinePlan& plan_;
  int stage_;
  std::map<std::pair<int, int>, std::pair<at::Tensor, double>> inputs_;
};

// Runs a plan twice on threads; what was wrong, by stage.
std::vector<std::string> problems_of(const PipelinePlan& plan) {
  std::vector<std::string> problems(static_cast<std::size_t>(plan.stages));
  run_local_ranks(plan.stages, [&](std::unique_ptr<Communicator> activations) {
    const int stage = activations->rank();
    const std::unique_ptr<Communicator> gradients = activations->split(0, stage, "gradients");
    PipelineExecutor executor(plan, *activations, *gradients, {3, 2}, at::kDouble);
    std::string& problem = problems[static_cast<std::size_t>(stage)];
    for (int step = 0; step < 2; ++step) {
      Parts parts(plan, stage);
      executor.run(parts);
      if (!parts.problem.empty()) problem = parts.problem;
      if (!parts.came_as_announced()) problem = "the passes are not those that were announced";
      if (parts.done != plan.actions[static_cast<std::size_t>(stage)]) problem = "the actions are not those of the plan";
    }
  });
  return problems;
}

// Whether the stages come to an end when a send ends only with its receive, and buffers are as many as the executor has: the order in which
// it posts, sends and waits, played without time. The threads above may be lucky; this is not.
class BoundedPlay {
 public:
  explicit BoundedPlay(const PipelinePlan& plan) : plan_(plan), next_(static_cast<std::size_t>(plan.stages), 0) {}

  bool ends() {
    for (bool moved = true; moved;) {
      moved = false;
      for (int s = 0; s < plan_.stages; ++s) moved = step(s) || moved;
    }
    for (int s = 0; s < plan_.stages; ++s)
      if (next_[static_cast<std::size_t>(s)] < plan_.actions[static_cast<std::size_t>(s)].size()) return false;
    return true;
  }

 private:
  using Message = std::tuple<Kind, int, int>;  // of which part's output, forward or backward
  int parts() const { return plan_.stages * plan_.chunks; }

  // A message is received when its receiver is at the action that wants it, the latest moment at which the executor posts the receive.
  bool step(int stage) {
    std::size_t& at = next_[static_cast<std::size_t>(stage)];
    const auto& actions = plan_.actions[static_cast<std::size_t>(stage)];
    if (at >= actions.size()) return false;
    const PipelineAction& action = actions[at];
    const int part = action.chunk * plan_.stages + stage;
    if (action.kind != Kind::backward_weight) {
      const bool forward = action.kind == Kind::forward;
      const bool takes = forward ? part > 0 : part < parts() - 1, gives = forward ? part < parts() - 1 : part > 0;
      if (takes && !take(action.kind, action.microbatch, forward ? part - 1 : part + 1)) return false;
      std::vector<Message>& sent = sending_[{stage, action.kind}];
      std::erase_if(sent, [&](const Message& m) { return received_.contains(m); });
      if (sent.size() > (forward ? 1U : 2U)) return false;  // no buffer but those that travel
      if (gives) {
        sent.emplace_back(action.kind, action.microbatch, part);
        on_the_way_.insert({action.kind, action.microbatch, part});
      }
    }
    ++at;
    return true;
  }

  bool take(Kind kind, int microbatch, int from) {
    const Message message{kind, microbatch, from};
    if (!on_the_way_.contains(message)) return false;
    received_.insert(message);
    return true;
  }

  const PipelinePlan& plan_;
  std::vector<std::size_t> next_;
  std::set<Message> on_the_way_, received_;
  std::map<std::pair<int, Kind>, std::vector<Message>> sending_;
};

}  // namespace

TEST_CASE("pipeline_executor: every schedule brings every microbatch through every part, in the order of the plan") {
  for (const Case& c : cases()) {
    if (c.microbatches == 12) continue;
    CAPTURE(static_cast<int>(c.schedule), c.stages, c.microbatches, c.chunks);
    const PipelinePlan plan = plan_pipeline(c.schedule, c.stages, c.microbatches, c.chunks);
    CHECK(problems_of(plan) == std::vector<std::string>(static_cast<std::size_t>(c.stages)));
  }
}

TEST_CASE("pipeline_executor: forwards only") {
  for (const int stages : {1, 2, 4})
    for (const int chunks : {1, 2}) {
      if (stages == 1 && chunks > 1) continue;
      CHECK(problems_of(plan_forwards(stages, 8, chunks)) == std::vector<std::string>(static_cast<std::size_t>(stages)));
    }
}

TEST_CASE("pipeline_executor: no schedule deadlocks, even where a send ends only with its receive") {
  for (const Case& c : cases()) {
    CAPTURE(static_cast<int>(c.schedule), c.stages, c.microbatches, c.chunks);
    CHECK(BoundedPlay(plan_pipeline(c.schedule, c.stages, c.microbatches, c.chunks)).ends());
  }
}

TEST_CASE("pipeline_executor: groups that do not fit the plan are a bug") {
  auto ranks = make_local_group(1);
  const std::unique_ptr<Communicator> other = ranks[0]->split(0, 0, "other");
  CHECK_THROWS_AS(PipelineExecutor(plan_pipeline(PipelineSchedule::one_f_one_b, 2, 2), *ranks[0], *other, {1, 1}, at::kDouble), Bug);
}

}  // namespace ergon
