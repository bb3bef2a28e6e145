// SPDX-License-Identifier: Apache-2.0
// A finding about ranks of a job; what several ranks have in common is one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "launch/doctor/diagnosis.hpp"
#include "launch/doctor/rank_facts.hpp"

namespace ergon {

struct JobFinding {
  Finding finding;
  std::vector<int> ranks = {};  // that it is about, ascending; empty: all of them together
};

// What `rule` finds about each rank, equal findings together, in the order of their first ranks. What is about every rank names none.
std::vector<JobFinding> about_each(const std::vector<RankFacts>& ranks,
                                   const std::function<std::optional<Finding>(const RankFacts&)>& rule);

// The first rank's finding for all whose part, condition and cure are the same: figures that differ a little are not told apart.
std::vector<JobFinding> about_each_kind(const std::vector<RankFacts>& ranks,
                                        const std::function<std::vector<Finding>(const RankFacts&)>& rule);

// Ranks by a text, in the order of their first ranks.
struct RankGroup {
  std::string text;
  std::vector<int> ranks;
};
std::vector<RankGroup> ranks_by(const std::vector<RankFacts>& ranks, const std::function<std::string(const RankFacts&)>& text);

// The worst of them; good for none.
Condition worst(const std::vector<JobFinding>& findings);

// "ranks 0-3", "rank 2".
std::string ranks_text(const std::vector<int>& ranks);

}  // namespace ergon
