// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/communication.hpp"

#include <map>

namespace ergon {
namespace {

struct Pair {
  CommunicationRow counted;
  CommunicationVolume predicted;
};

std::string reason_of(const LedgerSummary& ledger, const std::string& group) {
  if (std::string why = why_not_predicted(group); !why.empty()) return why;
  return ledger.predicted_in_part ? "a part of it was booked by a version of ergon that predicted nothing" : "";
}

}  // namespace

std::vector<ComparedCommunication> compare_communication(const LedgerSummary& ledger) {
  std::map<std::pair<std::string, std::string>, Pair> pairs;
  for (const CommunicationRow& row : ledger.communication) pairs[{row.group, row.operation}].counted = row;
  for (const CommunicationVolume& volume : ledger.predicted) pairs[{volume.group, volume.operation}].predicted = volume;
  std::vector<ComparedCommunication> rows;
  for (auto& [place, pair] : pairs) {
    const auto& [group, operation] = place;
    pair.counted.group = pair.predicted.group = group;
    pair.counted.operation = pair.predicted.operation = operation;
    ComparedCommunication row{pair.counted, axes_of_group(group), {}, reason_of(ledger, group)};
    if (row.reason.empty()) row.predicted = pair.predicted;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace ergon
