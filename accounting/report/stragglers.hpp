// SPDX-License-Identifier: Apache-2.0
// How far apart the ranks of a run were, and which of them kept the others waiting (RankSkew of its intervals).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "accounting/ledger_summary.hpp"

namespace ergon {

// Empty where no interval compared its ranks.
std::string stragglers_text(const LedgerSummary& ledger);
// Null there; `why` says why then.
nlohmann::ordered_json stragglers_json(const LedgerSummary& ledger, std::string& why);

}  // namespace ergon
