// SPDX-License-Identifier: Apache-2.0
#include "trainer/evaluation.hpp"

#include "parallel/plan/refusals.hpp"
#include "tests/trainer/tiny_run.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

EvaluationResult evaluated(const RunConfig& config, FlopAudit* audit = nullptr) {
  EvaluationResult result;
  run_local_ranks(mesh_of(config.mesh).size(), [&](std::unique_ptr<Communicator> world) {
    ergon::test::InspectingStorage storage;
    const TokenSource source(config.data.train, Split::validation, config.model.sequence, storage);
    Communicators communicators(mesh_of(config.mesh), std::move(world), 1);
    Replica replica(config, communicators);
    EvaluationLoader loader(source, {config.train.microbatch, accumulation(config), 1}, communicators, config.train.evaluate_batches);
    const EvaluationResult first = evaluate(replica, loader);
    if (evaluate(replica, loader).loss != first.loss) throw std::runtime_error("two evaluations differ");
    if (communicators.world->rank() != 0) return;
    result = first;
    if (audit != nullptr) *audit = replica.audit;
  });
  return result;
}

}  // namespace

TEST_CASE("evaluation is repeatable, without dropout, and the same on every mesh") {
  const test::TinyRun tiny;
  const EvaluationResult one = evaluated(tiny.config());
  CHECK(one.loss == evaluated(tiny.config({"model.dropout=0.5"})).loss);
  CHECK(one.sequences == 16);
  CHECK(one.valid_tokens.value == 16 * 16);
  for (const std::vector<std::string>& mesh : {std::vector<std::string>{"mesh.dp=2"}, {"mesh.tp=2"}, {"mesh.dp=4", "mesh.tp=2"}}) {
    const EvaluationResult other = evaluated(tiny.config(mesh));
    CHECK(std::abs(other.loss - one.loss) <= 1e-10);
    CHECK(other.valid_tokens == one.valid_tokens);
  }
}

TEST_CASE("its operations are counted as evaluation") {
  const test::TinyRun tiny;
  FlopAudit audit;
  evaluated(tiny.config(), &audit);
  CHECK(audit.gemm(Phase::evaluation).value > 0);
  CHECK(audit.attention(Phase::evaluation).value > 0);
  CHECK(audit.gemm(Phase::forward).value == 0);
}
