// SPDX-License-Identifier: Apache-2.0
// The files of a run folder as text and JSON, for those who read them after the run: a report, the rows of a fit.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "accounting/ledger_summary.hpp"

namespace ergon {

// Empty when the file cannot be opened.
std::optional<std::string> text_if_there(const std::string& path);
// Throws Error (ExitCode::data) at `where` for text that is not a JSON object, or whose checksum (configs/json_checksum.hpp) does not
// match.
nlohmann::json parse_object(const std::string& text, const std::string& where);

// Each whole line of events.jsonl with its place, "path:line"; a torn last line is left out. first_line: the number of the text's first
// line. Throws Error (ExitCode::data) for a line that is not a JSON object.
void for_each_event(const std::string& text, const std::string& path,
                    const std::function<void(const nlohmann::json& event, const std::string& where)>& use, std::int64_t first_line = 1);

// Of a "step" or "evaluation" event; Error (ExitCode::data) for one without them.
struct EventPlace {
  std::int64_t attempt = 0, step = 0;
};
EventPlace place_of(const nlohmann::json& event, const std::string& where);

// Null for an attempt that is not in the ledger.
const AttemptSummary* find_attempt(const LedgerSummary& ledger, std::int64_t number);
bool is_kept(const AttemptSummary& attempt, std::int64_t step);

}  // namespace ergon
