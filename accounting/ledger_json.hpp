// SPDX-License-Identifier: Apache-2.0
// The lines of a ledger as JSON (accounting/FORMAT.md). Each field of a line is declared once, in ledger_json.cpp, for writing and for
// reading: FLOPs, tokens and bytes are decimal strings, seconds and counts numbers. Parts that a report shows too have the same shape
// there.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "accounting/ledger.hpp"

namespace ergon {

inline constexpr const char* schema_without_checksum = "ergon.ledger.v1";
// With "schema" and "kind" in front, without the checksum of the line.
nlohmann::ordered_json json_of(const LedgerLine& line);
// Throws nlohmann::json::exception for a key that is missing or of another type, Error for an unknown schema or kind and for a text that is
// no whole number.
LedgerLine ledger_line_of(const nlohmann::ordered_json& json);

nlohmann::ordered_json json_of(const TimeSplit& seconds);
nlohmann::ordered_json json_of(const RankSkew& skew);
nlohmann::ordered_json json_of(const std::vector<CommunicationRow>& rows);
nlohmann::ordered_json json_of(const std::vector<ConfigChange>& changes);

}  // namespace ergon
