// SPDX-License-Identifier: Apache-2.0
#include "trainer/evaluation.hpp"

#include <ATen/ops/empty.h>

#include <optional>

#include "configs/clock.hpp"
#include "parallel/plan/refusals.hpp"
#include "trainer/microbatches.hpp"

namespace ergon {

EvaluationResult evaluate(Replica& replica, EvaluationLoader& loader) {
  const Clock::time_point start = Clock::now();
  const FlopAudit::Scope scope(replica.audit, Phase::evaluation);
  EvaluationResult result;
  at::Tensor total = at::empty({1}, at::kDouble);
  double& loss = *total.data_ptr<double>();
  loss = 0;
  std::optional<OrderedLoss> ordered;
  if (replica.config.run.deterministic)
    ordered.emplace(loader.batches() * accumulation(replica.config), microbatch_order(replica.communicators),
                    *replica.communicators.host_dp_cp);
  for (std::int64_t index = 0; index < loader.batches(); ++index) {
    const StepBatch& batch = loader.batch(index);
    loss += run_evaluation_passes(replica, batch, ordered ? &*ordered : nullptr);
    result.valid_tokens += Tokens{batch.valid_tokens};
    result.sequences += batch.tokens / replica.config.model.sequence;
    add_pairs(result.pairs, batch.pairs);
  }
  if (ordered)
    loss = ordered->total();
  else
    replica.communicators.host_dp_cp->all_reduce(total).wait();
  if (replica.communicators.host_pp->size() > 1) replica.communicators.host_pp->all_reduce(total).wait();
  result.loss = result.valid_tokens.value > 0 ? loss / static_cast<double>(result.valid_tokens.value) : 0;
  result.seconds = since(start);
  return result;
}

}  // namespace ergon
