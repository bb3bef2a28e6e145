// SPDX-License-Identifier: Apache-2.0
// What commands on token stores say of splits: the choice on the line, and the counts in a summary.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "trainer/data/token_store.hpp"

namespace ergon {

// "all" and the names of the splits.
std::vector<std::string> split_choices();
std::optional<Split> split_of_choice(const std::string& word);  // nullopt: all

nlohmann::json splits_json(const std::int64_t (&documents)[3], const std::int64_t (&tokens)[3]);
void print_splits(const std::int64_t (&documents)[3], const std::int64_t (&tokens)[3]);

}  // namespace ergon
