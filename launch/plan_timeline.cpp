// SPDX-License-Identifier: Apache-2.0
#include "launch/plan_timeline.hpp"

#include <nlohmann/json.hpp>

#include "accounting/activation_memory.hpp"
#include "accounting/snapshot_memory.hpp"
#include "configs/error.hpp"
#include "configs/names.hpp"
#include "parallel/plan/pipeline_schedule.hpp"
#include "parallel/plan/refusals.hpp"

namespace ergon {
namespace {

// A wider picture than this is no picture any more.
constexpr std::int64_t most_units = 400;

struct Timeline {
  PipelineSchedule schedule;
  PipelinePlan plan;
  PipelineTimeline played;
  const char* formula;
  double published;         // share of a stage's time, where M >= S
  std::vector<Bytes> kept;  // by stage: the most that it keeps of microbatches in flight, on its first rank
  Bytes snapshot;           // of all ranks: the second copy that saves beside training are written from
};

std::vector<Bytes> kept_by_stage(const RunConfig& config, const PipelinePlan& plan) {
  const ActivationShare share{.samples = config.train.microbatch,
                              .length = config.model.sequence / config.mesh.cp,
                              .tp = static_cast<int>(config.mesh.tp),
                              .sequence_parallel = config.mesh.sequence_parallel,
                              .recompute = config.train.recompute,
                              .dtype = config.train.dtype,
                              .context = context_sharding(config.mesh)};
  std::vector<Bytes> by_stage;
  for (int stage = 0; stage < plan.stages; ++stage) {
    std::vector<Bytes> kept, between_halves;
    for (const StageChunk& chunk : partition_layers(config.model.layers, plan.stages, plan.chunks, stage)) {
      kept.push_back(kept_activations(config.model, chunk, share));
      between_halves.push_back(kept_between_halves(config.model, chunk, share));
    }
    by_stage.push_back(most_kept(plan, stage, kept, between_halves));
  }
  return by_stage;
}

// Shares of idle units, with forward and both halves of backward one unit each: W = 1 of F + B + W = 3.
Timeline play_run(const RunConfig& config) {
  const int stages = static_cast<int>(config.mesh.pp), chunks = static_cast<int>(config.mesh.virtual_stages);
  const PipelineSchedule schedule = config.mesh.schedule;
  Timeline timeline{
      schedule, plan_pipeline(schedule, stages, static_cast<int>(accumulation(config)), chunks), {}, "", 0, {}, snapshot_bytes(config)};
  timeline.played = play(timeline.plan);
  timeline.kept = kept_by_stage(config, timeline.plan);
  const double others = stages - 1, work = static_cast<double>(accumulation(config)) * chunks;
  const auto share = [work](double idle) { return idle / (work + idle); };
  switch (schedule) {
    case PipelineSchedule::gpipe:
    case PipelineSchedule::one_f_one_b:
      timeline.formula = "(S - 1) / (M + S - 1)";
      timeline.published = share(others);
      break;
    case PipelineSchedule::interleaved:
      timeline.formula = "(S - 1) / (v M + S - 1)";
      timeline.published = share(others);
      break;
    case PipelineSchedule::zero_bubble:
      timeline.formula = "(S - 1)(F + B - W) / (M (F + B + W) + (S - 1)(F + B - W))";
      timeline.published = share(others / 3);
      break;
  }
  return timeline;
}

std::string text_of(const Timeline& timeline) {
  const PipelinePlan& plan = timeline.plan;
  std::string text =
      fmt::format("{}: S = {} stages, M = {} microbatches a step and data rank, v = {} {} a stage\n\n", choice_name(timeline.schedule),
                  plan.stages, plan.microbatches, plan.chunks, plan.chunks == 1 ? "chunk" : "chunks");
  text += timeline.played.makespan <= most_units
              ? to_string(plan)
              : fmt::format("(no picture of {} units of time; one with fewer microbatches looks the same in the middle)\n",
                            timeline.played.makespan);
  text += fmt::format("\nF forward, B backward for the input, W for the weights, of a microbatch{}; a column a unit of time, . idle\n",
                      plan.chunks > 1 ? "/chunk" : "");
  text += fmt::format("bubble: {} of {} units on each stage, {:.4f} of its time; published: {} = {:.4f}\n", timeline.played.idle.front(),
                      timeline.played.makespan, timeline.played.bubble(), timeline.formula, timeline.published);
  text += "in flight at the most:";
  for (std::size_t stage = 0; stage < timeline.played.most_in_flight.size(); ++stage)
    text += fmt::format("{} stage {} {}", stage > 0 ? "," : "", stage, timeline.played.most_in_flight[stage]);
  text += "\nkept of them, bytes a rank:";
  for (std::size_t stage = 0; stage < timeline.kept.size(); ++stage)
    text += fmt::format("{} stage {} {}", stage > 0 ? "," : "", stage, timeline.kept[stage].value);
  return text + fmt::format("\nsecond copy for saves beside training, bytes of all ranks: {}\n", timeline.snapshot.value);
}

std::string json_of(const Timeline& timeline) {
  nlohmann::json stages = nlohmann::json::array();
  for (std::size_t stage = 0; stage < timeline.plan.actions.size(); ++stage) {
    nlohmann::json actions = nlohmann::json::array();
    for (std::size_t i = 0; i < timeline.plan.actions[stage].size(); ++i) {
      const PipelineAction& action = timeline.plan.actions[stage][i];
      const char* kinds[] = {"forward", "backward_input", "backward_weight"};
      actions.push_back({{"action", kinds[static_cast<std::size_t>(action.kind)]},
                         {"microbatch", action.microbatch},
                         {"chunk", action.chunk},
                         {"start", timeline.played.start[stage][i]}});
    }
    stages.push_back({{"actions", actions},
                      {"idle", timeline.played.idle[stage]},
                      {"in_flight", timeline.played.most_in_flight[stage]},
                      {"kept_bytes", timeline.kept[stage].value}});
  }
  const nlohmann::json json = {{"schema", "ergon.timeline.v1"},
                               {"schedule", choice_name(timeline.schedule)},
                               {"microbatches", timeline.plan.microbatches},
                               {"chunks", timeline.plan.chunks},
                               {"units", timeline.played.makespan},
                               {"bubble", timeline.played.bubble()},
                               {"published", {{"formula", timeline.formula}, {"bubble", timeline.published}}},
                               {"snapshot_bytes", timeline.snapshot.value},
                               {"stages", stages}};
  return json.dump(2) + "\n";
}

}  // namespace

std::string timeline_of(const RunConfig& config, TimelineFormat format) {
  check_plan(config, 0);
  const Timeline timeline = play_run(config);
  return format == TimelineFormat::json ? json_of(timeline) : text_of(timeline);
}

}  // namespace ergon
