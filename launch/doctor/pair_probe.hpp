// SPDX-License-Identifier: Apache-2.0
// How fast two ranks talk, for each way in which two can be near or far: messages sent there and back.
#pragma once

#include <string>
#include <vector>

#include "configs/quantities.hpp"
#include "parallel/communicator.hpp"

namespace ergon {

enum class PairClass { same_domain, same_node, different_nodes };
const char* name(PairClass kind);

struct RankPlace {
  std::string host;
  int domain = -1;  // of memory (NUMA) that all its processors are in; -1: several
};

struct RankPair {
  PairClass kind = PairClass::same_node;
  int a = 0, b = 0;

  bool operator==(const RankPair&) const = default;
};

// The first pair of each class on one node, and the first ranks of neighbouring nodes in a ring, so that a slow link shows whichever node
// it belongs to: of all nodes, or of `most` of them, evenly spread.
std::vector<RankPair> representative_pairs(const std::vector<RankPlace>& places, std::size_t most);

struct PairFigures {
  RankPair pair;
  std::string over;  // the interface; empty: shared memory
  Seconds latency;   // one way, 8 bytes: half of the median round trip
  double rate = 0;   // bytes a second, one way, messages of 4 MiB

  bool operator==(const PairFigures&) const = default;
};

// Collective over `world`; only the two of the pair talk, the others sleep. The figures are on rank a of the pair.
PairFigures time_pair(Communicator& world, const RankPair& pair);

}  // namespace ergon
