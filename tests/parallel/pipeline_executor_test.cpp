// SPDX-License-Identifier: Apache-2.0
#include "parallel/pipeline_executor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"
#include "tests/parallel/nccl_mock.hpp"

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

// Where a stage computes: at once, or where the device of a test does.
using Compute = void (*)(std::function<void()>);
void at_once(std::function<void()> task) { task(); }

// A model whose part p turns x into 10 x + p forward, and d into 10 d + p backward: what arrives says by which way it came.
class Parts final : public PipelineStage {
 public:
  Parts(const PipelinePlan& plan, int stage, Compute compute = at_once) : plan_(plan), stage_(stage), compute_(compute) {}

  void announce(const PipelineAction* next) override {
    if (next != nullptr) announced.push_back(*next);
  }
  void forward(int microbatch, int chunk, const at::Tensor& x_ND, const at::Tensor& y_ND) override {
    done.push_back({Kind::forward, microbatch, chunk});
    const int part = part_of(chunk);
    if (x_ND.defined() != (part > 0) || y_ND.defined() != (part < last())) problem = "a boundary too few or too many";
    compute_([=, this] {
      const double x = part == 0 ? 1000.0 + microbatch : value(x_ND);
      if (x_ND.defined()) inputs_[{microbatch, chunk}] = {x_ND, x};
      if (part > 0 && x != expected_forward(microbatch, part)) problem = fmt::format("part {} of {} got {}", part, microbatch, x);
      if (y_ND.defined()) fill(y_ND, 10 * x + part);
    });
  }
  void backward_input(int microbatch, int chunk, const at::Tensor& d_ND) override {
    done.push_back({Kind::backward_input, microbatch, chunk});
    const int part = part_of(chunk);
    compute_([=, this] {
      expect_input(microbatch, chunk, "an input changed before its backward");
      if (last() == 0) return;
      const double d = part == last() ? 2000.0 + microbatch : value(d_ND);
      if (part < last() && d != expected_backward(microbatch, part))
        problem = fmt::format("part {} of {} got back {}", part, microbatch, d);
      fill(d_ND, 10 * d + part);
    });
  }
  void backward_weight(int microbatch, int chunk) override {
    done.push_back({Kind::backward_weight, microbatch, chunk});
    compute_([=, this] {
      expect_input(microbatch, chunk, "an input changed before the end of its backward");
      inputs_.erase({microbatch, chunk});
    });
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
  static void fill(const at::Tensor& x, double with) { std::fill_n(x.data_ptr<double>(), x.numel(), with); }
  void expect_input(int microbatch, int chunk, const char* otherwise) {
    const auto input = inputs_.find({microbatch, chunk});
    if (input != inputs_.end() && value(input->second.first) != input->second.second) problem = otherwise;
  }
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
  Compute compute_;
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

namespace {

// The same twice over NCCL, with compute held until every host is through both runs.
std::vector<std::string> problems_on_devices(const PipelinePlan& plan, NcclMock& mock) {
  std::vector<std::string> problems(static_cast<std::size_t>(plan.stages));
  const std::string failed = on_mock(mock, plan.stages, [&](auto context, auto host, Failures&) {
    const int stage = host->rank();
    const DeviceGroup group = context->groups();
    const std::unique_ptr<Communicator> activations = group(host, "pp", Traffic::critical),
                                        gradients = group(host, "pp-gradients", Traffic::critical);
    PipelineExecutor executor(plan, *activations, *gradients, {3, 2}, at::kDouble);
    mock.hold_compute();
    std::vector<std::unique_ptr<Parts>> runs;
    for (int step = 0; step < 2; ++step) executor.run(*runs.emplace_back(std::make_unique<Parts>(plan, stage, NcclMock::compute)));
    host->barrier().wait();
    if (stage == 0) mock.release_compute();
    NcclMock::finish_compute();
    for (Communicator* messages : {activations.get(), gradients.get()}) messages->settle();
    for (const auto& parts : runs)
      if (!parts->problem.empty()) problems[static_cast<std::size_t>(stage)] = parts->problem;
  });
  if (!failed.empty()) problems.push_back(failed);
  for (const std::string& text : mock.disagreements()) problems.push_back(text);
  return problems;
}

class NotedParts final : public PipelineStage {
 public:
  void forward(int microbatch, int chunk, const at::Tensor&, const at::Tensor&) override { note("F", microbatch, chunk); }
  void backward_input(int microbatch, int chunk, const at::Tensor&) override { note("B", microbatch, chunk); }
  void backward_weight(int microbatch, int chunk) override { note("W", microbatch, chunk); }
  void backward(int microbatch, int chunk, const at::Tensor&) override { note("BW", microbatch, chunk); }

 private:
  static void note(const char* what, int microbatch, int chunk) {
    NcclMock::note(fmt::format("{}{}{}", what, microbatch, chunk > 0 ? "/1" : ""));
  }
};

// What each of two stages launches, computes and waits for in one run, in order: a activations, g gradients, > a send, < a receive.
std::vector<std::string> traces_of(const PipelinePlan& plan) {
  NcclMock mock(plan.stages);
  CHECK(on_mock(mock, plan.stages, [&](auto context, auto host, Failures&) {
          const DeviceGroup group = context->groups();
          const std::unique_ptr<Communicator> activations = group(host, "pp", Traffic::critical),
                                              gradients = group(host, "pp-gradients", Traffic::critical);
          PipelineExecutor executor(plan, *activations, *gradients, {3, 2}, at::kDouble);
          NotedParts parts;
          executor.run(parts);
          for (Communicator* messages : {activations.get(), gradients.get()}) messages->settle();
        }) == "");
  std::vector<std::string> traces;
  for (int stage = 0; stage < plan.stages; ++stage) {
    std::string& text = traces.emplace_back();
    for (std::string line : mock.trace(stage)) {
      for (const auto& [from, to] : {std::pair{"pp-gradients {", "g{"},
                                     {"pp {", "a{"},
                                     {"send 6 to 0", ">"},
                                     {"send 6 to 1", ">"},
                                     {"recv 6 from 0", "<"},
                                     {"recv 6 from 1", "<"},
                                     {", ", ""}})
        if (const std::size_t at = line.find(from); at != std::string::npos) line.replace(at, std::string(from).size(), to);
      text += (text.empty() ? "" : ", ") + line;
    }
  }
  return traces;
}

}  // namespace

TEST_CASE("pipeline_executor: over NCCL every schedule is launched without a wait of the host, and does not stand still") {
  for (const Case& c : cases()) {
    if (c.microbatches > 4 && c.chunks == 1) continue;
    CAPTURE(static_cast<int>(c.schedule), c.stages, c.microbatches, c.chunks);
    NcclMock mock(c.stages);
    CHECK(problems_on_devices(plan_pipeline(c.schedule, c.stages, c.microbatches, c.chunks), mock) ==
          std::vector<std::string>(static_cast<std::size_t>(c.stages)));
  }
  for (const int chunks : {1, 2}) {
    NcclMock mock(4);
    CHECK(problems_on_devices(plan_forwards(4, 8, chunks), mock) == std::vector<std::string>(4));
  }
}

TEST_CASE("pipeline_executor: over NCCL a stage launches and waits in this order") {
  using Traces = std::vector<std::string>;
  CHECK(traces_of(plan_pipeline(PipelineSchedule::gpipe, 2, 2)) ==
        Traces{"F0, a{>}, F1, a{>}, g{<}, wait g{<}, BW0, g{<}, wait g{<}, BW1, wait a{>}, wait a{>}",
               "a{<}, wait a{<}, F0, a{<}, wait a{<}, F1, BW0, g{>}, BW1, g{>}, wait g{>}, wait g{>}"});
  CHECK(traces_of(plan_pipeline(PipelineSchedule::one_f_one_b, 2, 2)) ==
        Traces{"F0, a{>}, F1, a{>}, g{<}, wait g{<}, BW0, g{<}, wait g{<}, BW1, wait a{>}, wait a{>}",
               "a{<}, wait a{<}, F0, a{<}, BW0, g{>}, wait a{<}, F1, BW1, g{>}, wait g{>}, wait g{>}"});
  // The second receive runs beside the backward of microbatch 0, the gradient beside the weight half that was put off.
  CHECK(traces_of(plan_pipeline(PipelineSchedule::zero_bubble, 2, 2)) ==
        Traces{"F0, a{>}, F1, a{>}, g{<}, wait g{<}, B0, W0, g{<}, wait g{<}, B1, W1, wait a{>}, wait a{>}",
               "a{<}, wait a{<}, F0, a{<}, B0, g{>}, wait a{<}, F1, B1, g{>}, W0, W1, wait g{>}, wait g{>}"});
  // Both stages send and receive at once, as one group.
  CHECK(traces_of(plan_pipeline(PipelineSchedule::interleaved, 2, 2, 2)) ==
        Traces{"F0, a{>}, F1, a{><}, wait a{>}, wait a{><}, F0/1, a{><}, wait a{><}, wait a{><}, F1/1, a{>}, g{<}, wait g{<}, BW0/1, g{>}, "
               "g{<}, wait g{<}, BW1/1, wait g{>}, g{><}, wait g{><}, BW0, wait g{><}, g{<}, wait g{<}, BW1, wait a{><}, wait a{>}",
               "a{<}, wait a{<}, F0, a{><}, wait a{><}, F1, a{><}, wait a{><}, F0/1, a{<}, BW0/1, g{>}, wait a{<}, F1/1, BW1/1, g{<}, "
               "g{>}, wait g{<}, BW0, wait g{>}, g{><}, wait g{><}, BW1, g{>}, wait a{><}, wait a{><}, wait g{>}, wait g{>}, "
               "wait g{><}"});
}

TEST_CASE("pipeline_executor: groups that do not fit the plan are a bug") {
  auto ranks = make_local_group(1);
  const std::unique_ptr<Communicator> other = ranks[0]->split(0, 0, "other");
  CHECK_THROWS_AS(PipelineExecutor(plan_pipeline(PipelineSchedule::one_f_one_b, 2, 2), *ranks[0], *other, {1, 1}, at::kDouble), Bug);
}

}  // namespace ergon
