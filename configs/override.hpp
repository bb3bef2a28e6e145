// SPDX-License-Identifier: Apache-2.0
// One override of a command line, "train.steps=10", as the entry that a run file would have made of it.
#pragma once

#include <optional>
#include <string>

#include "configs/problems.hpp"
#include "configs/toml.hpp"

namespace ergon {

// The value is TOML or, where it is none and does not begin like one (a list, a quoted text, a table), a bare text; where the key takes a
// text, 2024 and true are texts. Nothing, and an entry in `problems`, for what is no override. An unknown key is let through: whoever
// applies it refuses it beside the file's.
std::optional<TomlEntry> read_override(const std::string& text, Problems& problems);

}  // namespace ergon
