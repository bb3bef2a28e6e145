// SPDX-License-Identifier: Apache-2.0
// What the communicators of a run counted, beside what its configurations predicted of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "accounting/ledger_summary.hpp"

namespace ergon {

struct ComparedCommunication {
  CommunicationRow counted;                      // zeros where only the prediction has the row
  std::string axes;                              // "cp-dp"; accounting/communication_volume.hpp
  std::optional<CommunicationVolume> predicted;  // zeros where only the count has the row
  std::string reason;                            // why there is no prediction

  bool differs() const { return predicted && (predicted->calls != counted.calls || predicted->bytes != counted.bytes); }
};

// Every group and operation of either, sorted.
std::vector<ComparedCommunication> compare_communication(const LedgerSummary& ledger);

}  // namespace ergon
