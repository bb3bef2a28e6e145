// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/pair_probe.hpp"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <optional>

#include "configs/clock.hpp"
#include "launch/doctor/wait_asleep.hpp"

namespace ergon {
namespace {

constexpr std::int64_t small_bytes = 8, large_bytes = std::int64_t{4} << 20;
constexpr int small_rounds = 20, large_rounds = 4;

PairClass class_of(const RankPlace& a, const RankPlace& b) {
  if (a.host != b.host) return PairClass::different_nodes;
  return a.domain >= 0 && a.domain == b.domain ? PairClass::same_domain : PairClass::same_node;
}

std::optional<RankPair> first_pair(const std::vector<RankPlace>& places, PairClass kind) {
  for (std::size_t a = 0; a < places.size(); ++a)
    for (std::size_t b = a + 1; b < places.size(); ++b)
      if (class_of(places[a], places[b]) == kind) return RankPair{kind, static_cast<int>(a), static_cast<int>(b)};
  return std::nullopt;
}

std::vector<int> first_ranks(const std::vector<RankPlace>& places) {
  std::vector<int> firsts;
  for (std::size_t rank = 0; rank < places.size(); ++rank)
    if (std::ranges::none_of(firsts, [&](int first) { return places[static_cast<std::size_t>(first)].host == places[rank].host; }))
      firsts.push_back(static_cast<int>(rank));
  return firsts;
}

// Half of the median round trip; the first one, in which connections are made, does not count.
Seconds one_way(Communicator& world, int peer, bool begins, std::int64_t bytes, int rounds) {
  const at::Tensor message = at::zeros({bytes}, at::kByte);
  std::vector<double> seconds;
  for (int round = 0; round <= rounds; ++round) {
    const Clock::time_point start = Clock::now();
    if (begins) world.send(message, peer).wait();
    world.recv(message, peer).wait();
    if (!begins) world.send(message, peer).wait();
    if (round > 0) seconds.push_back(since(start).value);
  }
  std::ranges::nth_element(seconds, seconds.begin() + rounds / 2);
  return {seconds[static_cast<std::size_t>(rounds / 2)] / 2};
}

}  // namespace

const char* name(PairClass kind) {
  static constexpr const char* names[] = {"same NUMA domain", "same node", "different nodes"};
  return names[static_cast<int>(kind)];
}

std::vector<RankPair> representative_pairs(const std::vector<RankPlace>& places, std::size_t most) {
  std::vector<RankPair> pairs;
  for (const PairClass kind : {PairClass::same_domain, PairClass::same_node})
    if (const std::optional<RankPair> pair = first_pair(places, kind)) pairs.push_back(*pair);
  const std::vector<int> firsts = first_ranks(places);
  const std::size_t links = firsts.size() < 2 ? 0 : firsts.size() == 2 ? 1 : firsts.size(), taken = std::min(links, most);
  for (std::size_t i = 0; i < taken; ++i) {
    const std::size_t at = i * links / taken;
    const int a = firsts[at], b = firsts[(at + 1) % firsts.size()];
    pairs.push_back({PairClass::different_nodes, std::min(a, b), std::max(a, b)});
  }
  return pairs;
}

PairFigures time_pair(Communicator& world, const RankPair& pair) {
  PairFigures figures{pair, "", {0}, 0};
  if (world.rank() == pair.a || world.rank() == pair.b) {
    const bool begins = world.rank() == pair.a;
    const int peer = begins ? pair.b : pair.a;
    figures.latency = one_way(world, peer, begins, small_bytes, small_rounds);
    figures.rate = static_cast<double>(large_bytes) / std::max(one_way(world, peer, begins, large_bytes, large_rounds).value, 1e-9);
  }
  wait_asleep(world.barrier());
  return figures;
}

}  // namespace ergon
