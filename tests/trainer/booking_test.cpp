// SPDX-License-Identifier: Apache-2.0
#include "trainer/booking.hpp"

#include "tests/trainer/tiny_run.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

StepBatch batch(std::int64_t tokens, std::int64_t valid, double wait) {
  StepBatch batch;
  batch.tokens = tokens;
  batch.valid_tokens = valid;
  batch.data_wait = {wait};
  return batch;
}

}  // namespace

TEST_CASE("an interval adds up what happened since the last one") {
  const test::TinyRun tiny;
  const RunConfig config = tiny.config();
  const auto world = std::move(make_local_group(1).front());
  FlopAudit audit;
  CommunicationLedger communication;
  Booking booking(config, 3, 10, Seconds{1.5});
  booking.step(batch(128, 100, 0.25), Seconds{1.0}, StepUpdate::done);
  booking.step(batch(128, 110, 0.25), Seconds{2.0}, StepUpdate::skipped);
  booking.checkpoint(Seconds{0.5});
  EvaluationResult evaluation;
  evaluation.sequences = 16;
  evaluation.seconds = {4};
  booking.evaluation(evaluation);
  audit.gemm(2, 3, 5);
  {
    const FlopAudit::Scope scope(audit, Phase::evaluation);
    audit.gemm(1, 1, 1);
  }

  CHECK(booking.startup().value == 1.5);
  const Interval interval = booking.close(12, audit, communication, *world);
  CHECK(interval.attempt == 3);
  CHECK(interval.from_step == 10);
  CHECK(interval.to_step == 12);
  CHECK(interval.tokens.value == 256);
  CHECK(interval.valid_tokens.value == 210);
  CHECK(interval.seconds.startup.value == 1.5);
  CHECK(interval.seconds.step.value == 2.5);
  CHECK(interval.seconds.data_wait.value == 0.5);
  CHECK(interval.seconds.checkpoint.value == 0.5);
  CHECK(interval.seconds.evaluation.value == 4);
  CHECK(interval.training.gemm.value == 60);
  CHECK(interval.evaluation.gemm.value == 2);
  const Flops step = flops_by_convention(config.model, {8, 16}).at("exact");
  CHECK(interval.training.model.at("exact") == step * 2);
  const Flops forward = flops_by_convention(config.model, {1, 16}, Pass::evaluation).at("exact");
  CHECK(interval.evaluation.model.at("exact") == forward * 16);
  CHECK(booking.exact_spent() == step * 2 + forward * 16);

  const Interval next = booking.close(12, audit, communication, *world);
  CHECK(next.from_step == 12);
  CHECK(next.tokens.value == 0);
  CHECK(next.training.gemm.value == 0);
  CHECK(next.predicted == CommunicationVolumes{});
}

TEST_CASE("an interval carries what its steps, skipped steps and evaluations should have moved") {
  const test::TinyRun tiny;
  RunConfig config = tiny.config();
  config.mesh.dp = 2;
  config.mesh.zero = 1;
  const auto world = std::move(make_local_group(1).front());
  FlopAudit audit;
  CommunicationLedger communication;
  Booking booking(config, 1, 0, Seconds{0});
  for (const StepUpdate update : {StepUpdate::done, StepUpdate::skipped, StepUpdate::done})
    booking.step(batch(128, 100, 0), Seconds{1}, update);
  EvaluationResult evaluation;
  evaluation.sequences = 3 * config.train.batch;
  booking.evaluation(evaluation);
  CommunicationVolumes expected = evaluation_volumes(config, 3);
  add(expected, step_volumes(config, StepUpdate::done), 2);
  add(expected, step_volumes(config, StepUpdate::skipped));
  CHECK_FALSE(expected.empty());
  CHECK(booking.close(3, audit, communication, *world).predicted == expected);
  CHECK(booking.close(3, audit, communication, *world).predicted == CommunicationVolumes{});
}

TEST_CASE("recovered work has the predicted FLOPs of its steps") {
  const test::TinyRun tiny;
  const RunConfig config = tiny.config();
  const Interval interval = recovered_interval(config, AttentionTiles{}, 2, 4, 7, Tokens{300}, 5, TimeSplit{});
  CHECK(interval.tokens.value == 3 * 8 * 16);
  CHECK((interval.communication.empty() && !interval.predicted));
  CHECK(interval.training.model.at("6n") == flops_by_convention(config.model, {8, 16}).at("6n") * 3);
  Flops gemm;
  for (const PhaseFlops& phase : predicted_totals(config, AttentionTiles{}, 8)) gemm += phase.gemm;
  CHECK(interval.training.gemm == gemm * 3);
  CHECK(interval.evaluation.model.at("exact") == flops_by_convention(config.model, {5, 16}, Pass::evaluation).at("exact"));
  CHECK(interval.evaluation.gemm == predicted_totals(config, AttentionTiles{}, 5)[static_cast<std::size_t>(Phase::forward)].gemm);
  CHECK(recovered_interval(config, AttentionTiles{}, 2, 4, 7, Tokens{300}, 0, TimeSplit{}).evaluation.gemm.value == 0);
}

TEST_CASE("where documents are kept apart an interval has the pairs of its steps and evaluations, not those of whole sequences") {
  const test::TinyRun tiny;
  const RunConfig config = tiny.config({"data.document_mask=true"});
  const auto world = std::move(make_local_group(1).front());
  FlopAudit audit;
  CommunicationLedger communication;
  Booking booking(config, 1, 0, Seconds{0});
  StepBatch first = batch(128, 100, 0), second = batch(128, 100, 0);
  first.pairs = PairCount{500, 900};
  second.pairs = PairCount{700, 1000};
  booking.step(first, Seconds{1}, StepUpdate::done);
  const Flops of_first = booking.exact_per_step();
  booking.step(second, Seconds{1}, StepUpdate::done);
  EvaluationResult evaluation;
  evaluation.sequences = 8;
  evaluation.pairs = PairCount{400, 800};
  booking.evaluation(evaluation);
  // Weights that a token is multiplied with, and 12 L H Q a pair.
  const std::int64_t tokens = 6 * count_parameters(config.model).matmul, pair = 12 * 2 * 4 * 8;
  CHECK(of_first.value == static_cast<unsigned __int128>(tokens * 128 + pair * 500));
  const Interval interval = booking.close(2, audit, communication, *world);
  CHECK(interval.training.model.at("exact").value == static_cast<unsigned __int128>(tokens * 256 + pair * 1200));
  CHECK(interval.evaluation.model.at("exact").value == static_cast<unsigned __int128>((tokens * 128 + pair * 400) / 3));
  CHECK(interval.training.model.at("palm") == flops_by_convention(config.model, {16, 16}).at("palm"));
  CHECK(booking.exact_spent() == interval.training.model.at("exact") + interval.evaluation.model.at("exact"));

  const PairCount steps{1200, 1900}, evaluated{400, 800};
  const Interval recovered = recovered_interval(config, AttentionTiles{}, 1, 0, 2, Tokens{200}, 8, TimeSplit{}, steps, evaluated);
  CHECK(recovered.training.model == interval.training.model);
  CHECK(recovered.evaluation.model == interval.evaluation.model);
  CHECK(recovered.training.attention.value == static_cast<unsigned __int128>(2 * 7 * 2 * 4 * 8) * 1900);
  CHECK(recovered.evaluation.attention.value == static_cast<unsigned __int128>(2 * 2 * 2 * 4 * 8) * 800);
}
