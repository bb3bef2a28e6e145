// SPDX-License-Identifier: Apache-2.0
#include "parallel/error_json.hpp"

#include <nlohmann/json.hpp>

namespace ergon {

nlohmann::json json_of(const Error& error) {
  return {{"what", error.problem()}, {"where", error.where()}, {"hint", error.hint()}, {"code", static_cast<int>(error.code())}};
}

Error error_from(const nlohmann::json& json) {
  return {json.at("what"), json.at("where"), json.at("hint"), static_cast<ExitCode>(json.at("code").get<int>())};
}

}  // namespace ergon
