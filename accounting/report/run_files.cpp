// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/run_files.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/json_checksum.hpp"
#include "configs/shallow_json.hpp"
#include "configs/whole_lines.hpp"

namespace ergon {

std::optional<std::string> text_if_there(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

nlohmann::json parse_object(const std::string& text, const std::string& where) {
  const char* hint = "the file was edited or damaged: put back a copy of it, or move it away";
  nlohmann::json json;
  try {
    json = parse_shallow<nlohmann::json>(text);
  } catch (const nlohmann::json::exception& error) {
    throw Error(fmt::format("this is not JSON: {}", error.what()), where, hint, ExitCode::data);
  }
  if (checksum_of(text) == Checksum::broken) throw Error("its checksum does not match", where, hint, ExitCode::data);
  if (!json.is_object()) throw Error("this is not JSON of an object", where, hint, ExitCode::data);
  return json;
}

void for_each_event(const std::string& text, const std::string& path,
                    const std::function<void(const nlohmann::json& event, const std::string& where)>& use, std::int64_t first_line) {
  const std::size_t whole = whole_lines(text);
  std::size_t begin = 0;
  for (std::int64_t number = first_line; begin < whole; ++number) {
    const std::size_t end = text.find('\n', begin);
    const std::string where = fmt::format("{}:{}", path, number);
    use(parse_object(text.substr(begin, end - begin), where), where);
    begin = end + 1;
  }
}

EventPlace place_of(const nlohmann::json& event, const std::string& where) {
  try {
    return {event.at("attempt").get<std::int64_t>(), event.at("step").get<std::int64_t>()};
  } catch (const nlohmann::json::exception& error) {
    throw Error(fmt::format("this event has no attempt and step: {}", error.what()), where, "put back a copy of the file, or move it away",
                ExitCode::data);
  }
}

const AttemptSummary* find_attempt(const LedgerSummary& ledger, std::int64_t number) {
  for (const AttemptSummary& attempt : ledger.attempts) {
    if (attempt.start.attempt == number) return &attempt;
  }
  return nullptr;
}

bool is_kept(const AttemptSummary& attempt, std::int64_t step) { return step > attempt.kept_from && step <= attempt.kept_to; }

}  // namespace ergon
