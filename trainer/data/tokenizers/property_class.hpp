// SPDX-License-Identifier: Apache-2.0
// Character classes for PCRE2 that mean what the references mean, whatever Unicode version PCRE2 has: what its own property lacks is added.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "trainer/data/tokenizers/general_category.hpp"

namespace ergon {

// "\x{41}-\x{5A}\x{61}": for the inside of a class.
std::string class_items(const std::vector<CodePointRange>& ranges);
// What is in none of `ranges`, which are in order; surrogates left out.
std::vector<CodePointRange> complement(const std::vector<CodePointRange>& ranges);

// The inside of a class for \p{property} (code_points_of); empty for a name that is not known. PCRE2 is asked once a process for each
// property (some milliseconds).
std::string property_items(std::string_view property);

}  // namespace ergon
