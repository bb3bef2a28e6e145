// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/doctor_job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/doctor/gemm_rate.hpp"
#include "launch/doctor/job_links.hpp"
#include "launch/doctor/wait_asleep.hpp"
#include "parallel/cuda_library.hpp"
#include "trainer/checkpoint/agreement.hpp"
#include "trainer/process.hpp"
#include "trainer/storage.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t most_links = 32;

std::string folder_of(const JobQuestion& question) {
  if (!question.folder.empty()) return question.folder;
  return question.config ? question.config->run.folder : ".";
}

// All ranks at once, as in a step: what they take from each other shows.
FlopsPerSecond own_products(const RankFacts& facts) {
  if (facts.gpu.empty()) return gemm_rate(at::kCPU, at::kFloat, 384, {0.1});
  return plugin_gemm_rate(open_cuda_library(), at::Device(at::kCUDA), 8192, {0.5});
}

void time_products_of(Communicator& world, RankFacts& facts) {
  world.barrier().wait();
  try {
    facts.products = own_products(facts);
  } catch (const Error& error) {
    facts.machine.push_back({"products", Condition::broken, error.problem(), error.hint()});
  } catch (const std::exception& error) {  // of LibTorch: a device that others hold, or that it was not built for
    facts.machine.push_back({"products", Condition::broken, error.what(), "see what else uses the device (nvidia-smi)"});
  }
}

std::vector<RankFacts> gather_ranks(Communicator& world, const RankFacts& mine) {
  std::vector<RankFacts> ranks;
  for (const std::string& text : gather_text(world, to_json(mine).dump(-1, ' ', false, Json::error_handler_t::replace)))
    ranks.push_back(rank_facts_from_json(Json::parse(text)));
  return ranks;
}

// An address of some other node, for each rank: of rank 0, or of the first rank that is elsewhere. Empty on one node.
std::vector<std::string> addresses_elsewhere(const ExaminedJob& job) {
  const auto address = [&](const RankFacts& rank) {
    const std::vector<NetworkInterface> known = interfaces_of_rule(rank.interfaces, rule_of(job, rank));
    return known.empty() ? std::string() : known.front().address;
  };
  const RankFacts& zero = job.ranks.front();
  const auto other = std::ranges::find_if(job.ranks, [&](const RankFacts& rank) { return rank.host != zero.host; });
  std::vector<std::string> addresses;
  for (const RankFacts& rank : job.ranks)
    addresses.push_back(other == job.ranks.end() ? std::string() : address(rank.host == zero.host ? *other : zero));
  return addresses;
}

// The interface that leads to another node, by every rank's own routes.
void find_routes(Communicator& world, const RankFacts& mine, ExaminedJob& job) {
  const Json told = Json::parse(broadcast_text(world, world.rank() == 0 ? Json(addresses_elsewhere(job)).dump() : "[]"));
  const std::string address = told.at(static_cast<std::size_t>(world.rank()));
  const std::vector<std::string> routes = gather_text(world, interface_towards(address, mine.interfaces));
  for (std::size_t rank = 0; rank < routes.size(); ++rank) job.ranks[rank].route = routes[rank];
}

std::vector<RankPair> agreed_pairs(Communicator& world, const ExaminedJob& job) {
  std::vector<RankPlace> places;
  for (const RankFacts& rank : job.ranks) places.push_back({rank.host, rank.domain});
  Json list = Json::array();
  for (const RankPair& pair : representative_pairs(places, most_links)) list.push_back({static_cast<int>(pair.kind), pair.a, pair.b});
  const Json told = Json::parse(broadcast_text(world, list.dump()));
  std::vector<RankPair> pairs;
  for (const Json& one : told) pairs.push_back({static_cast<PairClass>(one.at(0).get<int>()), one.at(1), one.at(2)});
  return pairs;
}

// Rank a of a pair has its figures; rank 0 has the routes.
void time_pairs(Communicator& world, const JobQuestion& question, ExaminedJob& job) {
  for (const RankPair& pair : agreed_pairs(world, job)) {
    question.phase(fmt::format("messages between ranks {} and {}", pair.a, pair.b));
    const PairFigures mine = time_pair(world, pair);
    const Json told = Json::parse(broadcast_text(world, Json{mine.latency.value, mine.rate}.dump(), pair.a));
    if (world.rank() != 0) continue;
    const std::string over = pair.kind == PairClass::different_nodes ? job.ranks[static_cast<std::size_t>(pair.a)].route : "";
    job.pairs.push_back({pair, over, {told.at(0).get<double>()}, told.at(1).get<double>()});
  }
}

}  // namespace

ExaminedJob gather_job(Communicator& world, LocalRank local, const JobQuestion& question) {
  ExaminedJob job;
  if (question.config) job.needs = needs_of(*question.config, world.size());
  job.needs.folder_named = question.config || !question.folder.empty();
  prepare_process(job.needs.threads);
  question.phase("a file in the folder of the run");
  Storage storage;
  const FolderView folder = look_at_folder(world, local, storage, folder_of(question), question.patience);
  question.phase("what each rank says of its machine");
  RankFacts mine = own_facts(world.rank(), local, question.config ? question.config->launch.bind : Binding::none, folder);
  question.phase("the token stores");
  if (question.config) mine.data = look_at_data(question.config->data, storage);
  wait_asleep(world.barrier());
  question.phase("the clocks of the nodes");
  const std::vector<ClockReading> clocks = compare_clocks(world, 10);
  if (!question.quick) {
    question.phase("matrix products");
    time_products_of(world, mine);
  }
  question.phase("the facts of all ranks");
  job.ranks = gather_ranks(world, mine);
  for (std::size_t rank = 0; rank < clocks.size(); ++rank) job.ranks[rank].clock = clocks[rank];
  find_routes(world, mine, job);
  if (!question.quick) time_pairs(world, question, job);
  return job;
}

}  // namespace ergon
