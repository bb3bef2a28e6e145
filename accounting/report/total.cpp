// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/total.hpp"

namespace ergon {
namespace {

FiguresById figures(const FlopTally& spent, const FlopTally& kept, const FlopTally& lost) {
  FiguresById all;
  for (const auto& [id, flops] : spent.model) all[id].spent = flops;
  for (const auto& [id, flops] : kept.model) all[id].kept = flops;
  for (const auto& [id, flops] : lost.model) all[id].lost = flops;
  return all;
}

}  // namespace

FiguresById training_figures(const LedgerSummary& ledger) {
  return figures(ledger.spent.training, ledger.kept.training, ledger.lost.training);
}

FiguresById evaluation_figures(const LedgerSummary& ledger) {
  return figures(ledger.spent.evaluation, ledger.kept.evaluation, ledger.lost.evaluation);
}

FiguresById total_figures(const std::vector<RunReport>& runs) {
  FiguresById total;
  for (const RunReport& run : runs) {
    for (const auto& [id, figure] : training_figures(run.ledger)) {
      total[id].spent += figure.spent;
      total[id].kept += figure.kept;
      total[id].lost += figure.lost;
    }
  }
  return total;
}

Tokens total_tokens(const std::vector<RunReport>& runs) {
  Tokens total;
  for (const RunReport& run : runs) total += run.ledger.kept.tokens;
  return total;
}

}  // namespace ergon
