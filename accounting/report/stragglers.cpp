// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/stragglers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "accounting/ledger_json.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;

// One rank of one attempt (numbers of ranks may lie elsewhere in the next), from its first to its last such interval.
struct Straggler {
  std::int64_t attempt = 0, rank = 0, intervals = 0, from_step = 0, to_step = 0;
  std::string host;
  double worst = 0;
};

std::vector<Straggler> stragglers(const LedgerSummary& ledger) {
  std::vector<Straggler> found;
  for (const SkewOfInterval& interval : ledger.skews) {
    const RankSkew& skew = interval.skew;
    if (!skew.is_straggler()) continue;
    auto known =
        std::ranges::find_if(found, [&](const Straggler& one) { return one.attempt == interval.attempt && one.rank == skew.slowest; });
    if (known == found.end()) known = found.insert(found.end(), {interval.attempt, skew.slowest, 0, interval.from_step, 0, skew.host, 0});
    ++known->intervals;
    known->to_step = interval.to_step;
    known->worst = std::max(known->worst, skew.ratio);
  }
  return found;
}

const SkewOfInterval& worst(const LedgerSummary& ledger) {
  return *std::ranges::max_element(ledger.skews, {}, [](const SkewOfInterval& interval) { return interval.skew.ratio; });
}

Json interval_json(const SkewOfInterval& interval) {
  Json json = {{"attempt", interval.attempt}, {"from_step", interval.from_step}, {"to_step", interval.to_step}};
  json.update(json_of(interval.skew));
  return json;
}

}  // namespace

std::string stragglers_text(const LedgerSummary& ledger) {
  if (ledger.skews.empty()) return "";
  const SkewOfInterval& newest = ledger.skews.back();
  std::string text = fmt::format(
      "\nRanks, seconds a step in which they were busy, waits left out\n  newest       {:.4g} to {:.4g}, median {:.4g}, of {} steps up to "
      "{}\n",
      newest.skew.least.value, newest.skew.most.value, newest.skew.median.value, newest.skew.steps, newest.to_step);
  const std::vector<Straggler> found = stragglers(ledger);
  for (const Straggler& one : found)
    text += fmt::format("  STRAGGLER    rank {} on {}: {:.2f} times its peers, steps {} to {} of attempt {} ({} of {} intervals)\n",
                        one.rank, one.host, one.worst, one.from_step, one.to_step, one.attempt, one.intervals,
                        std::ranges::count(ledger.skews, one.attempt, &SkewOfInterval::attempt));
  if (found.empty()) text += "  stragglers   none\n";
  return text;
}

nlohmann::ordered_json stragglers_json(const LedgerSummary& ledger, std::string& why) {
  if (ledger.skews.empty()) {
    why = "no ranks were compared: there was one, no interval had 15 steps, or it was a build before that";
    return nullptr;
  }
  Json named = Json::array();
  for (const Straggler& one : stragglers(ledger))
    named.push_back({{"rank", one.rank},
                     {"host", one.host},
                     {"attempt", one.attempt},
                     {"from_step", one.from_step},
                     {"to_step", one.to_step},
                     {"intervals", one.intervals},
                     {"ratio", one.worst}});
  return {{"compared_intervals", ledger.skews.size()},
          {"newest", interval_json(ledger.skews.back())},
          {"worst", interval_json(worst(ledger))},
          {"stragglers", named}};
}

}  // namespace ergon
