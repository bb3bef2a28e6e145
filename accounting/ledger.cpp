// SPDX-License-Identifier: Apache-2.0
#include "accounting/ledger.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "accounting/ledger_json.hpp"
#include "configs/error.hpp"
#include "configs/json_checksum.hpp"
#include "configs/shallow_json.hpp"
#include "configs/whole_lines.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;

LedgerLine parse_line(std::string_view text, const std::string& where) {
  const auto refuse = [&](const std::string& why) {
    return Error(fmt::format("this is not a line of a ledger: {}", why), where,
                 "the ledger was edited or damaged: put back a copy of it, or start the run afresh in another folder", ExitCode::data);
  };
  try {
    const Json json = parse_shallow<Json>(text);
    if (json.at("schema") != schema_without_checksum && checksum_of(text) != Checksum::holds) throw refuse("its checksum does not match");
    return ledger_line_of(json);
  } catch (const nlohmann::json::exception& error) {
    throw refuse(error.what());
  } catch (const Error& error) {
    throw refuse(error.problem());
  }
}

}  // namespace

FlopTally& FlopTally::operator+=(const FlopTally& other) {
  for (const auto& [id, flops] : other.model) model[id] += flops;
  gemm += other.gemm;
  attention += other.attention;
  return *this;
}

TimeSplit& TimeSplit::operator+=(const TimeSplit& other) {
  step += other.step;
  data_wait += other.data_wait;
  evaluation += other.evaluation;
  checkpoint += other.checkpoint;
  startup += other.startup;
  return *this;
}

std::vector<CommunicationRow> merge(std::vector<CommunicationRow> a, const std::vector<CommunicationRow>& b) {
  a.insert(a.end(), b.begin(), b.end());
  std::stable_sort(a.begin(), a.end(),
                   [](const auto& x, const auto& y) { return std::tie(x.group, x.operation) < std::tie(y.group, y.operation); });
  std::vector<CommunicationRow> merged;
  for (CommunicationRow& row : a) {
    if (merged.empty() || merged.back().group != row.group || merged.back().operation != row.operation) {
      merged.push_back(std::move(row));
      continue;
    }
    merged.back().calls += row.calls;
    merged.back().bytes += row.bytes;
    merged.back().seconds += row.seconds;
    merged.back().exposed += row.exposed;
  }
  return merged;
}

std::string format(const LedgerLine& line) {
  std::string text = json_of(line).dump(-1, ' ', false, Json::error_handler_t::replace);
  add_checksum(text);
  return text + "\n";
}

Ledger parse_ledger(std::string_view text, const std::string& source) {
  Ledger ledger;
  const std::size_t whole = lines_but_a_torn_last(text);
  for (int number = 1; ledger.intact_bytes < whole; ++number) {
    const std::size_t end = text.find('\n', ledger.intact_bytes);
    ledger.lines.push_back(parse_line(text.substr(ledger.intact_bytes, end - ledger.intact_bytes), fmt::format("{}:{}", source, number)));
    ledger.intact_bytes = end + 1;
  }
  ledger.torn = ledger.intact_bytes < text.size();
  return ledger;
}

}  // namespace ergon
