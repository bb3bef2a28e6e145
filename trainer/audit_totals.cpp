// SPDX-License-Identifier: Apache-2.0
#include "trainer/audit_totals.hpp"

#include <ATen/ops/zeros.h>

#include "accounting/operations.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr int fields = 3;
constexpr int limbs = 3;  // of 48 bits: sums over up to 32,768 ranks stay below 2^63
constexpr unsigned __int128 limb_mask = (static_cast<unsigned __int128>(1) << 48) - 1;

std::array<Flops, fields> values(const FlopAudit& audit, Phase phase) {
  return {audit.gemm(phase), audit.attention(phase), audit.attention_visible(phase)};
}

void check_equal(Phase phase, const char* kind, Flops executed, Flops predicted) {
  ERGON_CHECK(executed == predicted, "{} FLOPs of the {} phase: {} executed, {} predicted", kind, name(phase), to_decimal(executed),
              to_decimal(predicted));
}

}  // namespace

AuditTotals total_over_ranks(const FlopAudit& audit, Communicator& control) {
  at::Tensor sums = at::zeros({num_phases * fields * limbs}, at::kLong);
  std::int64_t* limb = sums.data_ptr<std::int64_t>();
  for (int phase = 0; phase < num_phases; ++phase)
    for (const Flops flops : values(audit, static_cast<Phase>(phase)))
      for (int i = 0; i < limbs; ++i) *limb++ = static_cast<std::int64_t>((flops.value >> (48 * i)) & limb_mask);
  control.all_reduce(sums).wait();

  AuditTotals totals;
  limb = sums.data_ptr<std::int64_t>();
  for (PhaseFlops& phase : totals)
    for (Flops* flops : {&phase.gemm, &phase.attention, &phase.attention_visible})
      for (int i = 0; i < limbs; ++i) flops->value += static_cast<unsigned __int128>(*limb++) << (48 * i);
  return totals;
}

AuditTotals predicted_totals(const RunConfig& config, const AttentionTiles& tiles, std::int64_t sequences,
                             const std::optional<PairCount>& pairs) {
  const std::vector<Operation> operations =
      hardware_operations(config.model, {sequences, config.model.sequence, pairs},
                          {mesh_of(config.mesh).sizes(), tiles, config.train.recompute, context_sharding(config.mesh)});
  AuditTotals totals;
  for (int phase = 0; phase < num_phases; ++phase) {
    const FlopCount part = count(operations, static_cast<Phase>(phase));
    totals[static_cast<std::size_t>(phase)] = {part.gemm, part.attention, part.attention_visible};
  }
  return totals;
}

void check_audit(const AuditTotals& executed, const AuditTotals& predicted) {
  for (int i = 0; i < num_phases; ++i) {
    const auto phase = static_cast<Phase>(i);
    const PhaseFlops& left = executed[static_cast<std::size_t>(i)];
    const PhaseFlops& right = predicted[static_cast<std::size_t>(i)];
    check_equal(phase, "GEMM", left.gemm, right.gemm);
    check_equal(phase, "attention", left.attention, right.attention);
    check_equal(phase, "visible attention", left.attention_visible, right.attention_visible);
  }
}

}  // namespace ergon
