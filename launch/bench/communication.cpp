// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/communication.hpp"

#include <fmt/format.h>

#include "launch/bench/message.hpp"
#include "launch/bench/overlap.hpp"

namespace ergon {
namespace {

constexpr Collective timed_operations[] = {Collective::all_reduce, Collective::reduce_scatter, Collective::all_gather,
                                           Collective::all_to_all, Collective::ring_shift};
// Those that a strategy or a gradient bucket starts ahead of its need.
constexpr Collective hidden_operations[] = {Collective::ring_shift, Collective::all_gather, Collective::reduce_scatter};

void say(const Communicator& world, const std::string& what) {
  if (world.rank() == 0) fmt::print(stderr, "{} ranks: {}\n", world.size(), what);
}

nlohmann::json collectives_of(Communicator& world, std::int64_t bytes, std::int64_t rounds) {
  std::vector<BenchMessage> messages;
  for (const Collective operation : timed_operations) messages.emplace_back(world, operation, bytes);
  std::vector<TimedCase> cases;
  for (BenchMessage& message : messages) cases.push_back([&message](std::span<double> seconds) { seconds[0] = message.time().value; });
  const RoundFigures figures(world, cases, 1, rounds);
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t i = 0; i < messages.size(); ++i)
    rows.push_back(
        {{"operation", name(timed_operations[i])}, {"bytes", bytes}, {"sent", messages[i].sent()}, {"seconds", figures.slowest(i, 0)}});
  return rows;
}

}  // namespace

nlohmann::json to_json(const CommunicationJob& job) {
  return {{"bytes", job.bytes}, {"hidden_bytes", job.hidden_bytes}, {"rounds", job.rounds}};
}

CommunicationJob communication_job(const nlohmann::json& json) {
  return {json.at("bytes").get<std::vector<std::int64_t>>(), json.at("hidden_bytes").get<std::vector<std::int64_t>>(),
          json.at("rounds").get<std::int64_t>()};
}

nlohmann::json measure_communication(Communicator& world, const CommunicationJob& job) {
  nlohmann::json collectives = nlohmann::json::array(), overlap = nlohmann::json::array();
  for (const std::int64_t bytes : job.bytes) {
    say(world, fmt::format("collectives of {} bytes", bytes));
    for (nlohmann::json& row : collectives_of(world, bytes, job.rounds)) collectives.push_back(std::move(row));
  }
  for (const std::int64_t bytes : job.hidden_bytes)
    for (const Collective operation : hidden_operations) {
      say(world, fmt::format("{} of {} bytes beside computing", name(operation), bytes));
      const OverlapFigures figures = measure_overlap(world, operation, bytes, job.rounds);
      overlap.push_back({{"operation", name(operation)},
                         {"bytes", bytes},
                         {"blocks", figures.blocks},
                         {"seconds",
                          {{"transfer", figures.transfer},
                           {"compute", figures.compute},
                           {"unpolled", figures.unpolled},
                           {"polled", figures.polled},
                           {"thread", figures.polled_by_thread}}}});
    }
  return {{"ranks", world.size()}, {"collectives", collectives}, {"overlap", overlap}};
}

}  // namespace ergon
