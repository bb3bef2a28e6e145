// SPDX-License-Identifier: Apache-2.0
// The nearest known word to a mistyped one, by edit distance (insertion, deletion, replacement, exchange of neighbours each cost 1).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ergon {

std::size_t edit_distance(std::string_view a, std::string_view b);

// The nearest of `known` when it is near enough to be meant (a third of its letters, at least 1, at most 4; case does not count), else
// empty.
std::string nearest(const std::string& word, const std::vector<std::string>& known);

// "did you mean 'train.steps'?", or `otherwise` when nothing is near.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& known, const std::string& otherwise = "");

}  // namespace ergon
