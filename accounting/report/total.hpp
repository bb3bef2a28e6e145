// SPDX-License-Identifier: Apache-2.0
// Several runs added up, for the text and the JSON of a report.
#pragma once

#include <vector>

#include "accounting/report/report.hpp"

namespace ergon {

struct SpentKeptLost {
  Flops spent, kept, lost;
};
using FiguresById = std::map<std::string, SpentKeptLost>;

// Training FLOPs of a run, or evaluation's, by convention.
FiguresById training_figures(const LedgerSummary& ledger);
FiguresById evaluation_figures(const LedgerSummary& ledger);
// Evaluation apart: training FLOPs of all runs.
FiguresById total_figures(const std::vector<RunReport>& runs);
Tokens total_tokens(const std::vector<RunReport>& runs);  // kept

}  // namespace ergon
