// SPDX-License-Identifier: Apache-2.0
// An error as ranks tell it to each other: {"what", "where", "hint", "code"}.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "configs/error.hpp"

namespace ergon {

nlohmann::json json_of(const Error& error);
// Throws nlohmann::json::exception for anything else than json_of made.
Error error_from(const nlohmann::json& json);

}  // namespace ergon
