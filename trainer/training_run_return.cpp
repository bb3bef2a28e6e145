// SPDX-License-Identifier: Apache-2.0
// How a training run goes back to its last healthy checkpoint by itself: what is given up, and which samples are never read again.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "trainer/checkpoint/agreement.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/rank_zero.hpp"
#include "trainer/training_run.hpp"

namespace ergon {

// After a step whose loss was not finite or leaped, where the configuration allows returns.
void TrainingRun::decide_return(const StepResult& result) {
  const std::string why = result.skipped ? fmt::format("the loss or its gradient was not finite in step {}", step_)
                                         : fmt::format("the loss leaped to {:.4f} in step {}", result.loss, step_);
  if (returned_ < config_.recovery.returns)
    return_reason_ = why;
  else
    outcome_ = {ExitCode::stopped, fmt::format("{}, after recovery.returns = {} returns", why, config_.recovery.returns), /*save=*/false,
                "loss"};
}

// Everything between the checkpoint and the end of the offending step is passed over from now on: which of these samples drove the
// parameters to where the loss shows it cannot be told.
void TrainingRun::give_up() {
  enter(FlightPhase::checkpoint, step_);
  settle_saves();
  close_interval();
  CheckpointLoader checkpoint(storage_, folder_.path(), *communicators_.control);
  const bool found = checkpoint.open();
  for (const std::string& message : checkpoint.messages()) say(message);
  const std::int64_t step = found ? checkpoint.state().step : 0;
  DataState before = initial_data_state(train_source_, config_.run.seed);
  on_every_rank(*communicators_.control, [&] {
    if (found) before = data_state_from_json(checkpoint.state().data_state, checkpoint.folder());
  });
  const std::int64_t samples = train_source_.samples();
  const DataState::Skip skip{ordinal_of(before, samples), ordinal_of(data_state_, samples)};

  on_rank_zero(*communicators_.control, [&] {
    check_writable();
    append_lineage(storage_, folder_.path(),
                   {LineageRecord::Event::abandon, attempt_.number, step + 1, "", SampleRange{skip.begin, skip.end}});
    append_ledger(Abandon{attempt_.number, step});
    events_->add("return", attempt_.number,
                 {{"step", step_}, {"to_step", step}, {"why", *return_reason_}, {"skipped_samples", {skip.begin, skip.end}}});
    events_->sync();
    return std::string();
  });
  say(fmt::format("{}: back to step {}, samples {} to {} of the run's order are passed over from now on (return {} of {})", *return_reason_,
                  step, skip.begin, skip.end - 1, returned_ + 1, config_.recovery.returns));
}

// What earlier returns of this run have passed over, whether or not a checkpoint was saved since.
void TrainingRun::take_up_returns() {
  const std::string text = on_rank_zero(*communicators_.control, [&] {
    nlohmann::json skips = nlohmann::json::array();
    for (const auto& [begin, end] : read_lineage(storage_, folder_.path()).returns()) skips.push_back({begin, end});
    return skips.dump();
  });
  const nlohmann::json skips = nlohmann::json::parse(text);
  returned_ = static_cast<std::int64_t>(skips.size());
  for (const nlohmann::json& skip : skips) add_skip(data_state_, {skip.at(0), skip.at(1)});
}

}  // namespace ergon
