// SPDX-License-Identifier: Apache-2.0
#include "trainer/rank_skew.hpp"

#include <ATen/ops/empty.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace ergon {
namespace {

// What a rank tells the others; all ranks run the same binary.
struct Record {
  double blocks[BusyBlocks::most];
  double mean, best_mean;
  char host[65];
};

double median(const std::vector<double>& sorted) {
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// The median of `sorted` without one of its values.
double median_without(const std::vector<double>& sorted, double value) {
  const auto at = static_cast<std::size_t>(std::lower_bound(sorted.begin(), sorted.end(), value) - sorted.begin());
  const auto other = [&](std::size_t index) { return sorted[index + (index >= at ? 1 : 0)]; };
  const std::size_t others = sorted.size() - 1, middle = others / 2;
  return others % 2 == 1 ? other(middle) : (other(middle - 1) + other(middle)) / 2;
}

// What the ratios of a rank's blocks are above in three quarters of them.
double lasting(std::vector<double> ratios) {
  const auto quarter = ratios.begin() + (std::ssize(ratios) - 1) / 4;
  std::nth_element(ratios.begin(), quarter, ratios.end());
  return *quarter;
}

using Peers = std::vector<std::size_t>;

// Ranks that are compared with each other.
std::vector<Peers> peers_of(const std::vector<BusyRank>& ranks) {
  std::map<int, Peers> by_work;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) by_work[ranks[rank].work].push_back(rank);
  std::vector<Peers> groups;
  for (const auto& [work, peers] : by_work)
    if (peers.size() > 1) groups.push_back(peers);
  return groups;
}

// The same ranks, their seconds as multiples of what each took at best: work that differs can be compared so.
std::vector<BusyRank> by_own_best(std::vector<BusyRank> ranks) {
  for (BusyRank& rank : ranks) {
    for (double& seconds : rank.blocks) seconds = rank.best_mean.value > 0 ? seconds / rank.best_mean.value : 0;
    rank.work = 0;
  }
  return ranks;
}

// Of each of `peers`, by block, its time over the median of the others.
std::vector<std::vector<double>> ratios_of(const std::vector<BusyRank>& ranks, const Peers& peers) {
  std::vector<std::vector<double>> ratios(peers.size());
  for (std::size_t block = 0; block < ranks.front().blocks.size(); ++block) {
    std::vector<double> sorted;
    for (const std::size_t rank : peers) sorted.push_back(ranks[rank].blocks[block]);
    std::ranges::sort(sorted);
    for (std::size_t i = 0; i < peers.size(); ++i) {
      const double mine = ranks[peers[i]].blocks[block], others = median_without(sorted, mine);
      ratios[i].push_back(others > 0 ? mine / others : 0);
    }
  }
  return ratios;
}

}  // namespace

void BusyBlocks::add(Seconds busy) {
  const double seconds = std::max(0.0, busy.value);
  ++steps_;
  total_ += seconds;
  open_ += seconds;
  if (++open_steps_ < length_) return;
  blocks_[count_++] = open_ / static_cast<double>(length_);
  open_ = 0;
  open_steps_ = 0;
  if (count_ < most) return;
  for (std::size_t pair = 0; pair < most / 2; ++pair) blocks_[pair] = (blocks_[2 * pair] + blocks_[2 * pair + 1]) / 2;
  count_ = most / 2;
  length_ *= 2;
}

RankSkew skew_of(const std::vector<BusyRank>& ranks, std::int64_t steps) {
  std::vector<double> means;
  for (const BusyRank& rank : ranks) means.push_back(rank.mean.value);
  RankSkew skew;
  skew.steps = steps;
  skew.slowest = std::ranges::max_element(means) - means.begin();
  std::ranges::sort(means);
  skew.least = {means.front()};
  skew.median = {median(means)};
  skew.most = {means.back()};
  const std::vector<BusyRank> measured = peers_of(ranks).empty() ? by_own_best(ranks) : ranks;
  for (const Peers& peers : peers_of(measured)) {
    const auto ratios = ratios_of(measured, peers);
    for (std::size_t i = 0; i < peers.size(); ++i)
      if (const double ratio = lasting(ratios[i]); ratio > skew.ratio) {
        skew.ratio = ratio;
        skew.slowest = static_cast<std::int64_t>(peers[i]);
      }
  }
  skew.host = ranks[static_cast<std::size_t>(skew.slowest)].host;
  return skew;
}

int work_of(const RunConfig& config, const Mesh& mesh, int rank) {
  const bool tp_differs = config.model.heads % config.mesh.tp != 0;
  const bool cp_differs = config.mesh.layout == SequenceLayout::contiguous || config.model.heads % (config.mesh.tp * config.mesh.cp) != 0;
  int work = mesh.coordinate(rank, Axis::pp);
  work = work * mesh.size(Axis::cp) + (cp_differs ? mesh.coordinate(rank, Axis::cp) : 0);
  return work * mesh.size(Axis::tp) + (tp_differs ? mesh.coordinate(rank, Axis::tp) : 0);
}

std::optional<RankSkew> compare_ranks(const BusyBlocks& mine, const RunConfig& config, const Mesh& mesh, Communicator& control) {
  if (control.size() < 2 || mine.count() < BusyBlocks::least) return std::nullopt;
  Record record = {};
  for (std::size_t block = 0; block < mine.count(); ++block) record.blocks[block] = mine.block(block);
  record.mean = mine.mean().value;
  record.best_mean = mine.best_mean().value;
  gethostname(record.host, sizeof record.host - 1);
  constexpr auto bytes = static_cast<std::int64_t>(sizeof record);
  at::Tensor sent = at::empty({bytes}, at::kByte), all = at::empty({control.size() * bytes}, at::kByte);
  std::memcpy(sent.mutable_data_ptr<std::uint8_t>(), &record, sizeof record);
  control.all_gather(all, sent).wait();
  std::vector<BusyRank> ranks;
  for (int rank = 0; rank < control.size(); ++rank) {
    std::memcpy(&record, all.const_data_ptr<std::uint8_t>() + rank * bytes, sizeof record);
    ranks.push_back(
        {{record.blocks, record.blocks + mine.count()}, {record.mean}, record.host, work_of(config, mesh, rank), {record.best_mean}});
  }
  return skew_of(ranks, mine.steps());
}

}  // namespace ergon
