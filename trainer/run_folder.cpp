// SPDX-License-Identifier: Apache-2.0
#include "trainer/run_folder.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "configs/json_checksum.hpp"
#include "configs/parse.hpp"
#include "configs/shallow_json.hpp"

namespace ergon {
namespace {

nlohmann::json number_or_null(const std::optional<double>& value) {
  if (!value || !std::isfinite(*value)) return nullptr;
  return *value;
}

std::optional<double> optional_number(const nlohmann::json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<double>();
}

}  // namespace

bool RunFolder::started() const { return storage_.exists(ledger()); }

RunConfig RunFolder::stored_config() const { return parse_run_text(storage_.read_text(config()), config(), {}); }

void RunFolder::write_result(const RunResult& result) const {
  const nlohmann::json text = {{"schema", "ergon.result.v1"},
                               {"code", static_cast<int>(result.code)},
                               {"reason", result.reason},
                               {"step", result.step},
                               {"steps", result.steps},
                               {"attempt", result.attempt},
                               {"loss", number_or_null(result.loss)},
                               {"validation_loss", number_or_null(result.validation_loss)}};
  std::string written = text.dump(2);
  add_checksum(written);
  storage_.write_text(this->result(), written + "\n");
}

std::optional<RunResult> RunFolder::read_result() const {
  if (!storage_.exists(result())) return std::nullopt;
  const auto refuse = [&](const std::string& why) {
    return Error("not a result: " + why, result(), "remove the file: the run then resumes from its newest checkpoint", ExitCode::data);
  };
  try {
    const std::string written = storage_.read_text(result());
    const nlohmann::json text = parse_shallow<nlohmann::json>(written);
    if (checksum_of(written) == Checksum::broken) throw refuse("its checksum does not match");
    RunResult result;
    result.code = static_cast<ExitCode>(text.at("code").get<int>());
    result.reason = text.at("reason");
    result.step = text.at("step");
    result.steps = text.at("steps");
    result.attempt = text.at("attempt");
    result.loss = optional_number(text.at("loss"));
    result.validation_loss = optional_number(text.at("validation_loss"));
    return result;
  } catch (const nlohmann::json::exception& error) {
    throw refuse(error.what());
  }
}

std::string RunFolder::fresh_sibling() const {
  for (int number = 2;; ++number) {
    std::string candidate = path_ + "-" + std::to_string(number);
    if (!storage_.exists(candidate)) return candidate;
  }
}

}  // namespace ergon
