// SPDX-License-Identifier: Apache-2.0
#include "launch/plan_timeline.hpp"

#include <fmt/format.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "accounting/snapshot_memory.hpp"
#include "configs/error.hpp"
#include "tests/trainer/tiny_run.hpp"
#include "trainer/training_run.hpp"

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
        "in flight at the most: stage 0 2, stage 1 1\n"
        "kept of them, bytes a rank: stage 0 8421376, stage 1 4409856\n"
        "second copy for saves beside training, bytes of all ranks: " +
            fmt::format("{}\n", snapshot_bytes(run(PipelineSchedule::one_f_one_b, 2, 2)).value));
  const std::string long_run = timeline_of(run(PipelineSchedule::gpipe, 2, 1000), TimelineFormat::text);
  CHECK(long_run.find("(no picture of 3003 units of time") != std::string::npos);
  CHECK(timeline_of(run(PipelineSchedule::one_f_one_b, 1, 2), TimelineFormat::text).find("bubble: 0 of 6 units") != std::string::npos);
}

TEST_CASE("plan_timeline: the second copy is what the ranks of a run take for it, and nothing where saves block") {
  RunConfig config = run(PipelineSchedule::one_f_one_b, 2, 2);
  config.mesh.dp = 2;
  config.mesh.zero = 1;
  const auto planned = [&] { return json::parse(timeline_of(config, TimelineFormat::json))["snapshot_bytes"].get<std::int64_t>(); };
  std::atomic<std::int64_t> taken = 0;
  run_local_ranks(mesh_of(config.mesh).size(), [&](std::unique_ptr<Communicator> world) {
    Communicators communicators = test::communicators_of(config, std::move(world));
    const Replica replica(config, communicators);
    Storage storage;
    CheckpointSaver saver(storage, {"none", "r", 1, communicators.world->rank(), {0}, {}});
    saver.reserve(tensors_of(replica));
    taken += saver.reserved().value;
  });
  CHECK(taken > 0);
  CHECK(planned() == taken);
  config.checkpoint.asynchronous = false;
  CHECK(planned() == 0);
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

// T 128, D 128, V 256: a layer keeps 1,052,672 bytes (4 R D + N (E + C + G + F), and 4,096 of statistics), the head 199,168.
TEST_CASE("plan_timeline: bytes that stages keep follow the schedule, and zero_bubble's lie between the halves too") {
  constexpr std::int64_t layer = 1052672, head = 199168, state = 128 * 128 * 4;
  constexpr std::int64_t between = 4 * state + 128 * (384 + 512) * 4;  // of a layer
  const auto kept = [](PipelineSchedule schedule, std::size_t stage) {
    return json::parse(timeline_of(run(schedule, 4, 8), TimelineFormat::json))["stages"][stage]["kept_bytes"].get<std::int64_t>();
  };
  CHECK(kept(PipelineSchedule::gpipe, 0) == 8 * 2 * layer);  // two layers; the embedding's output for the one that leaves
  CHECK(kept(PipelineSchedule::one_f_one_b, 0) == 4 * 2 * layer);
  CHECK(kept(PipelineSchedule::one_f_one_b, 3) == 2 * layer + head);
  CHECK(kept(PipelineSchedule::zero_bubble, 0) == 4 * 2 * layer + 2 * between + state);
  CHECK(kept(PipelineSchedule::zero_bubble, 3) == 4 * (2 * layer + head + 2 * between + state));
}

TEST_CASE("plan_timeline: a run that the trainer refuses has none") {
  CHECK_THROWS_AS(timeline_of(run(PipelineSchedule::gpipe, 16, 16), TimelineFormat::text), Error);
  CHECK_THROWS_AS(timeline_of(run(PipelineSchedule::interleaved, 4, 6, 2), TimelineFormat::json), Error);
}
