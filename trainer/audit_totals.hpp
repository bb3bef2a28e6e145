// SPDX-License-Identifier: Apache-2.0
// What all ranks executed together, and whether that is what accounting/ predicts from shapes: to the last FLOP, on every mesh.
#pragma once

#include <array>
#include <optional>

#include "configs/run_config.hpp"
#include "parallel/communicator.hpp"
#include "parallel/plan/context_blocks.hpp"
#include "trainer/flop_audit.hpp"

namespace ergon {

struct PhaseFlops {
  Flops gemm, attention, attention_visible;
  bool operator==(const PhaseFlops&) const = default;
};
using AuditTotals = std::array<PhaseFlops, num_phases>;  // by Phase

// Collective.
AuditTotals total_over_ranks(const FlopAudit& audit, Communicator& control);

// What `sequences` sequences of a step cost by the analytic count, forward, backward and recompute; `pairs`: of all of them, where
// documents are kept apart.
AuditTotals predicted_totals(const RunConfig& config, const AttentionTiles& tiles, std::int64_t sequences,
                             const std::optional<PairCount>& pairs = {});

// Throws Bug that names the first phase and kind in which the two differ.
void check_audit(const AuditTotals& executed, const AuditTotals& predicted);

}  // namespace ergon
