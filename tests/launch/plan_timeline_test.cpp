// SPDX-License-Identifier: Apache-2.0
#include "launch/plan_timeline.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using nlohmann::json;

namespace {

RunConfig run(PipelineSchedule schedule, std::int64_t pp, std::int64_t microbatches, std::int64_t chunks = 1) {
  RunConfig config;
  config.model.layers = 8;
  config.train.microbatch = 1;
  config.train.batch = microbatches;
  config.mesh.pp = pp;
  config.mesh.schedule = schedule;
  config.mesh.virtual_stages = chunks;
  return config;
}

}  // namespace

TEST_CASE("plan_timeline: the schedule, its bubble and the published one, as text") {
  CHECK(timeline_of(run(PipelineSchedule::one_f_one_b, 2, 2), TimelineFormat::text) ==
        "1f1b: S = 2 stages, M = 2 microbatches a step and data rank, v = 1 chunk a stage\n\n"
        "stage 0  F0 F1 .  .  B0 W0 .  B1 W1\n"
        "stage 1  .  F0 B0 W0 F1 B1 W1 .  .\n\n"
        "F forward, B backward for the input, W for the weights, of a microbatch; a column a unit of time, . idle\n"
        "bubble: 3 of 9 units on each stage, 0.3333 of its time; published: (S - 1) / (M + S - 1) = 0.3333\n"
        "in flight at the most: stage 0 2, stage 1 1\n");
  const std::string long_run = timeline_of(run(PipelineSchedule::gpipe, 2, 1000), TimelineFormat::text);
  CHECK(long_run.find("(no picture of 3003 units of time") != std::string::npos);
  CHECK(timeline_of(run(PipelineSchedule::gpipe, 1, 2), TimelineFormat::text).find("bubble: 0 of 6 units") != std::string::npos);
}

TEST_CASE("plan_timeline: as JSON every schedule idles as published") {
  struct Published {
    PipelineSchedule schedule;
    std::int64_t chunks;
    double bubble;  // S = 4, M = 8
  };
  for (const Published& p : {Published{PipelineSchedule::gpipe, 1, 3.0 / 11}, Published{PipelineSchedule::one_f_one_b, 1, 3.0 / 11},
                             Published{PipelineSchedule::interleaved, 2, 3.0 / 19}, Published{PipelineSchedule::zero_bubble, 1, 1.0 / 9}}) {
    const json timeline = json::parse(timeline_of(run(p.schedule, 4, 8, p.chunks), TimelineFormat::json));
    CAPTURE(timeline["schedule"]);
    CHECK(timeline["schema"] == "ergon.timeline.v1");
    CHECK(timeline["bubble"].get<double>() == Approx(p.bubble));
    CHECK(timeline["published"]["bubble"].get<double>() == Approx(p.bubble));
    CHECK(timeline["stages"].size() == 4);
    for (const json& stage : timeline["stages"]) CHECK(stage["actions"].size() == static_cast<std::size_t>(3 * 8 * p.chunks));
    CHECK(timeline["stages"][0]["actions"][0]["action"] == "forward");
  }
}

TEST_CASE("plan_timeline: a run that the trainer refuses has none") {
  CHECK_THROWS_AS(timeline_of(run(PipelineSchedule::gpipe, 16, 16), TimelineFormat::text), Error);
  CHECK_THROWS_AS(timeline_of(run(PipelineSchedule::interleaved, 4, 6, 2), TimelineFormat::json), Error);
}
