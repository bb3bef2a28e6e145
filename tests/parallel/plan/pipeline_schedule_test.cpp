// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/pipeline_schedule.hpp"

#include <algorithm>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

using Kind = PipelineAction::Kind;
const PipelineSchedule schedules[] = {PipelineSchedule::gpipe, PipelineSchedule::one_f_one_b, PipelineSchedule::interleaved,
                                      PipelineSchedule::zero_bubble};

}  // namespace

TEST_CASE("pipeline_schedule: the header's example, as a timeline") {
  const PipelinePlan plan = plan_pipeline(PipelineSchedule::one_f_one_b, 2, 2);
  CHECK(to_string(plan) ==
        "stage 0  F0 F1 .  .  B0 W0 .  B1 W1\n"
        "stage 1  .  F0 B0 W0 F1 B1 W1 .  .\n");
  CHECK(play(plan).idle == std::vector<std::int64_t>{3, 3});
}

TEST_CASE("pipeline_schedule: every schedule plays to its end, whatever the sizes") {
  for (PipelineSchedule schedule : schedules)
    for (int stages : {1, 2, 3, 4, 8})
      for (int microbatches : {1, 2, 3, 4, 8, 24})
        for (int chunks : {1, 2, 3}) {
          if (chunks > 1 && (schedule != PipelineSchedule::interleaved || microbatches % stages != 0)) continue;
          const PipelineTimeline timeline = play(plan_pipeline(schedule, stages, microbatches, chunks), {2, 3, 1});
          CHECK(timeline.makespan >= 6 * microbatches * chunks);
        }
}

TEST_CASE("pipeline_schedule: bubbles and activations in flight") {
  for (int stages : {2, 4, 8}) {
    const int many = 3 * stages;
    const PipelineTimeline gpipe = play(plan_pipeline(PipelineSchedule::gpipe, stages, many)),
                           one = play(plan_pipeline(PipelineSchedule::one_f_one_b, stages, many)),
                           zero = play(plan_pipeline(PipelineSchedule::zero_bubble, stages, many));
    CHECK(gpipe.most_in_flight == std::vector<int>(static_cast<std::size_t>(stages), many));
    for (int s = 0; s < stages; ++s) CHECK(one.most_in_flight[static_cast<std::size_t>(s)] == stages - s);
    CHECK(*std::max_element(zero.most_in_flight.begin(), zero.most_in_flight.end()) <= stages);
  }
}

// Huang 2019 (gpipe), Narayanan 2021 (1f1b, interleaved), Qi 2023 (ZB-H1): idle units of a stage over all its units.
TEST_CASE("pipeline_schedule: bubbles are the published ones") {
  struct Costs {
    std::int64_t f, b, w;
  };
  for (const Costs c : {Costs{1, 1, 1}, Costs{2, 3, 2}, Costs{4, 4, 3}})
    for (int stages : {2, 3, 4, 8})
      for (int rounds : {1, 2, 3}) {
        const int many = rounds * stages, others = stages - 1;
        const PipelineCosts costs{c.f, c.b, c.w};
        const auto share = [](std::int64_t idle, std::int64_t work) {
          return static_cast<double>(idle) / static_cast<double>(idle + work);
        };
        const std::int64_t unit = c.f + c.b + c.w;
        CAPTURE(c.f, c.b, c.w, stages, many);
        for (const PipelineSchedule schedule : {PipelineSchedule::gpipe, PipelineSchedule::one_f_one_b}) {
          const PipelineTimeline timeline = play(plan_pipeline(schedule, stages, many), costs);
          CHECK(timeline.bubble() == share(others * unit, many * unit));
          CHECK(timeline.bubble() == Approx(static_cast<double>(others) / (many + others)));
        }
        for (const int chunks : {2, 3})  // a unit is then that of a chunk
          CHECK(play(plan_pipeline(PipelineSchedule::interleaved, stages, many, chunks), costs).bubble() ==
                share(others * unit, chunks * many * unit));
        CHECK(play(plan_pipeline(PipelineSchedule::zero_bubble, stages, many), costs).bubble() ==
              share(others * (c.f + c.b - c.w), many * unit));
      }
}

TEST_CASE("pipeline_schedule: forwards only run in the order of the schedules, one in flight") {
  for (int stages : {1, 2, 4})
    for (int chunks : {1, 2}) {
      const PipelinePlan plan = plan_forwards(stages, 8, chunks);
      const PipelineTimeline timeline = play(plan);
      CHECK(timeline.makespan == 8 * chunks + stages - 1);
      CHECK(timeline.most_in_flight == std::vector<int>(static_cast<std::size_t>(stages), 1));
      std::vector<PipelineAction> forwards;
      const PipelineSchedule schedule = chunks > 1 ? PipelineSchedule::interleaved : PipelineSchedule::gpipe;
      const PipelinePlan trained = plan_pipeline(schedule, stages, 8, chunks);
      for (const PipelineAction& action : trained.actions.back())
        if (action.kind == Kind::forward) forwards.push_back(action);
      CHECK(plan.actions.back() == forwards);
    }
}

TEST_CASE("pipeline_schedule: a plan that is wrong is a bug, not a hang") {
  const PipelinePlan good = plan_pipeline(PipelineSchedule::one_f_one_b, 2, 2);
  PipelinePlan plan = good;
  std::swap(plan.actions[1][0], plan.actions[1][1]);
  CHECK_THROWS_AS(play(plan), Bug);
  plan = good;
  plan.actions[0].pop_back();
  CHECK_THROWS_AS(play(plan), Bug);
  plan = good;
  plan.actions[0][1] = plan.actions[0][0];
  CHECK_THROWS_AS(play(plan), Bug);
  plan = good;
  plan.actions[0][0].microbatch = 2;
  CHECK_THROWS_AS(play(plan), Bug);
}

TEST_CASE("pipeline_schedule: what it refuses") {
  const auto refused_key = [](PipelineSchedule schedule, int stages, int microbatches, int chunks) -> std::string {
    try {
      plan_pipeline(schedule, stages, microbatches, chunks);
    } catch (const Error& error) {
      CHECK_FALSE(error.hint().empty());
      return error.where();
    }
    return "accepted";
  };
  CHECK(refused_key(PipelineSchedule::one_f_one_b, 2, 4, 2) == "mesh.virtual_stages");
  CHECK(refused_key(PipelineSchedule::interleaved, 4, 6, 2) == "mesh.schedule");
  CHECK(refused_key(PipelineSchedule::interleaved, 4, 6, 1) == "accepted");
}

}  // namespace ergon
