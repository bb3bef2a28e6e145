// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/communication_result.hpp"

#include <fmt/format.h>

#include "launch/bench/overlap.hpp"
#include "launch/bench/ranks.hpp"
#include "launch/bench/result.hpp"

namespace ergon {

using nlohmann::json;

namespace {

struct Polls {
  const char *key, *words;
};
constexpr Polls polls[] = {{"unpolled", "nobody polls"}, {"polled", "MPI_Test between blocks"}, {"thread", "a thread polls"}};

std::string named(const json& of, std::int64_t ranks) {
  return fmt::format("{}, {} bytes, {} ranks", of.at("operation").get<std::string>(), of.at("bytes").get<std::int64_t>(), ranks);
}

json collective_row(const json& collective, std::int64_t ranks) {
  const double seconds = collective.at("seconds").get<double>(), sent = collective.at("sent").get<double>();
  json row = case_row(named(collective, ranks), seconds, "s");
  for (const char* key : {"operation", "bytes", "sent"}) row[key] = collective.at(key);
  row["ranks"] = ranks;
  row["bytes_per_second"] = sent / static_cast<double>(ranks) / seconds;
  row["reason"] = {{"baseline", "a collective stands for itself"}, {"ratio", "there is no baseline"}};
  return row;
}

json overlap_row(const json& overlap, const Polls& by, std::int64_t ranks) {
  const json& seconds = overlap.at("seconds");
  const OverlapFigures figures{.transfer = seconds.at("transfer").get<double>(), .compute = seconds.at("compute").get<double>()};
  json row = case_row(fmt::format("{} beside computing, {}", named(overlap, ranks), by.words), seconds.at(by.key).get<double>(), "s");
  set_baseline(row, "one after the other", figures.transfer + figures.compute);
  for (const char* key : {"operation", "bytes", "blocks"}) row[key] = overlap.at(key);
  row["ranks"] = ranks;
  row["polls"] = by.key;
  row["transfer"] = figures.transfer;
  row["compute"] = figures.compute;
  row["hidden"] = hidden_share(figures, seconds.at(by.key).get<double>());
  return row;
}

}  // namespace

json communication_result(const CommunicationJob& job, const std::vector<json>& answers) {
  json cases = json::array();
  for (const json& answer : answers) {
    const auto ranks = answer.at("ranks").get<std::int64_t>();
    for (const json& collective : answer.at("collectives")) cases.push_back(collective_row(collective, ranks));
    for (const json& overlap : answer.at("overlap"))
      for (const Polls& by : polls) cases.push_back(overlap_row(overlap, by, ranks));
  }
  return {{"schema", "ergon.bench.v1"}, {"name", "communication"}, {"machine", bench_machine()}, {"job", to_json(job)}, {"cases", cases}};
}

std::string communication_text(const json& result) {
  std::string text;
  for (const json& row : result.at("cases")) {
    const std::string start = fmt::format("{:<80} {:>10.3f} ms", row.at("case").get<std::string>(), 1e3 * row.at("value").get<double>());
    text += row.contains("hidden") ? fmt::format("{}  {:.2f} x one after the other, hides {:.0f} %\n", start, row.at("ratio").get<double>(),
                                                 100 * row.at("hidden").get<double>())
                                   : fmt::format("{}  {:.3f} GB/s sent by a rank\n", start, row.at("bytes_per_second").get<double>() / 1e9);
  }
  return text;
}

}  // namespace ergon
