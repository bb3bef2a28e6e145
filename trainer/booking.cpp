// SPDX-License-Identifier: Apache-2.0
#include "trainer/booking.hpp"

#include <chrono>
#include <utility>

namespace ergon {
namespace {

void add(FlopsById& sum, const FlopsById& flops, std::int64_t times) {
  for (const auto& [id, value] : flops) sum[id] += value * static_cast<unsigned __int128>(times);
}

std::vector<CommunicationRow> rows(const std::vector<CommunicationTotal>& totals) {
  std::vector<CommunicationRow> rows;
  for (const CommunicationTotal& total : totals)
    rows.push_back({total.group, name(total.operation), total.calls, total.bytes, total.seconds, total.exposed});
  return rows;
}

Workload step_workload(const RunConfig& config) { return {config.train.batch, config.model.sequence}; }

Flops exact(const ModelShape& shape, const Workload& work, Pass pass) { return flops_by_convention(shape, work, pass).at("exact"); }

}  // namespace

Seconds unix_time() { return {std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count()}; }

Booking::ExactRate::ExactRate(const ModelShape& shape, Pass pass)
    : per_sequence(exact(shape, {1, shape.sequence, PairCount{}}, pass)),
      per_pair(exact(shape, {0, shape.sequence, PairCount{1, 1}}, pass)) {}

Booking::Booking(const RunConfig& config, std::int64_t attempt, std::int64_t from_step, Seconds startup)
    : config_(config),
      step_flops_(flops_by_convention(config.model, step_workload(config))),
      sequence_forward_(flops_by_convention(config.model, {1, config.model.sequence}, Pass::evaluation)),
      exact_training_(config.model, Pass::training),
      exact_forward_(config.model, Pass::evaluation),
      startup_(startup) {
  open_.attempt = attempt;
  open_.from_step = from_step;
  open_.seconds.startup = startup;
}

void Booking::step(const StepBatch& batch, Seconds seconds, StepUpdate update) {
  ++(update == StepUpdate::done ? updated_ : skipped_);
  open_.tokens += Tokens{batch.tokens};
  open_.valid_tokens += Tokens{batch.valid_tokens};
  open_.seconds.step += seconds - batch.data_wait;
  open_.seconds.data_wait += batch.data_wait;
  if (batch.pairs) step_flops_["exact"] = exact_training_.of(config_.train.batch, *batch.pairs);
  add(open_.training.model, step_flops_, 1);
  exact_spent_ += step_flops_.at("exact");
}

void Booking::evaluation(const EvaluationResult& result) {
  FlopsById flops;
  add(flops, sequence_forward_, result.sequences);
  if (result.pairs) flops["exact"] = exact_forward_.of(result.sequences, *result.pairs);
  add(open_.evaluation.model, flops, 1);
  add(evaluated_, evaluation_volumes(config_, result.sequences / config_.train.batch));
  open_.seconds.evaluation += result.seconds;
  exact_spent_ += flops.at("exact");
}

Interval Booking::close(std::int64_t to_step, FlopAudit& audit, CommunicationLedger& communication, Communicator& control) {
  const AuditTotals totals = total_over_ranks(audit, control);
  for (int phase = 0; phase < num_phases; ++phase) {
    const PhaseFlops& part = totals[static_cast<std::size_t>(phase)];
    FlopTally& tally = static_cast<Phase>(phase) == Phase::evaluation ? open_.evaluation : open_.training;
    tally.gemm += part.gemm;
    tally.attention += part.attention;
  }
  audit.reset();
  open_.communication = rows(sum_over_ranks(communication.totals(), control));
  communication.reset();
  add(evaluated_, step_volumes(config_, StepUpdate::done), updated_);
  add(evaluated_, step_volumes(config_, StepUpdate::skipped), skipped_);
  open_.predicted = std::exchange(evaluated_, {});
  updated_ = skipped_ = 0;
  open_.to_step = to_step;
  open_.closed = unix_time();

  Interval closed = open_;
  open_ = Interval();
  open_.attempt = closed.attempt;
  open_.from_step = to_step;
  return closed;
}

Interval recovered_interval(const RunConfig& config, const AttentionTiles& tiles, std::int64_t attempt, std::int64_t from_step,
                            std::int64_t to_step, Tokens valid_tokens, std::int64_t evaluated_sequences, TimeSplit seconds,
                            const std::optional<PairCount>& step_pairs, const std::optional<PairCount>& evaluated_pairs) {
  const std::int64_t steps = to_step - from_step;
  Interval interval;
  interval.attempt = attempt;
  interval.from_step = from_step;
  interval.to_step = to_step;
  interval.tokens = Tokens{steps * config.train.batch * config.model.sequence};
  interval.valid_tokens = valid_tokens;
  interval.seconds = seconds;
  const std::int64_t sequences = steps * config.train.batch;
  add(interval.training.model, flops_by_convention(config.model, {sequences, config.model.sequence, step_pairs}), 1);
  for (const PhaseFlops& phase : predicted_totals(config, tiles, sequences, step_pairs)) {
    interval.training.gemm += phase.gemm;
    interval.training.attention += phase.attention;
  }
  if (evaluated_sequences == 0) return interval;
  add(interval.evaluation.model,
      flops_by_convention(config.model, {evaluated_sequences, config.model.sequence, evaluated_pairs}, Pass::evaluation), 1);
  const AuditTotals forwards = predicted_totals(config, tiles, evaluated_sequences, evaluated_pairs);
  const PhaseFlops& forward = forwards[static_cast<std::size_t>(Phase::forward)];
  interval.evaluation.gemm += forward.gemm;
  interval.evaluation.attention += forward.attention;
  return interval;
}

}  // namespace ergon
