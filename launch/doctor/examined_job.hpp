// SPDX-License-Identifier: Apache-2.0
// What is known of a job before it is judged.
#pragma once

#include <vector>

#include "launch/doctor/pair_probe.hpp"
#include "launch/doctor/rank_facts.hpp"
#include "launch/doctor/run_needs.hpp"

namespace ergon {

struct ExaminedJob {
  std::vector<RankFacts> ranks;  // by rank
  std::vector<PairFigures> pairs;
  RunNeeds needs;
};

}  // namespace ergon
