// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/attention_result.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "configs/error.hpp"
#include "configs/units.hpp"
#include "launch/bench/ranks.hpp"
#include "launch/bench/result.hpp"

namespace ergon {

using nlohmann::json;

namespace {

constexpr const char* passes[] = {"forward", "backward"};
constexpr const char* kernel_alone = "the kernel's share of a rank alone";
constexpr const char* model_text =
    "block c = FLOPs of the pass / (P F), hop h = latency + bytes / W; ring c/r + (r - 1) max(c/r, h), ulysses c + calls latency + bytes / "
    "W "
    "(parallel/plan/attention_time)";

AttentionPass pass_named(const std::string& pass) { return pass == passes[0] ? AttentionPass::forward : AttentionPass::backward; }

Bytes forecast(const ShardingJob& job, const ContextSharding& sharding, std::int64_t length, const std::string& pass) {
  const std::int64_t heads = sharding.attention == AttentionSharding::gather_kv ? job.gather_heads : 1;
  const AttentionTraffic traffic = attention_traffic(sharding, heads, extent_of(job, length));
  return total(pass == passes[0] ? traffic.forward : traffic.backward).bytes;
}

const ContextSharding& sharding_named(const AttentionVariants& variants, const std::string& name) {
  const auto found = std::ranges::find(variants.measured, name, &AttentionVariant::name);
  ERGON_CHECK(found != variants.measured.end(), "ranks measured '{}', which was not asked for", name);
  return found->sharding;
}

json timed_row(const ShardingJob& job, const ContextSharding& sharding, const json& length, const json& variant, const std::string& pass) {
  const auto positions = length.at("length").get<std::int64_t>();
  const auto name = variant.at("name").get<std::string>();
  json row = case_row(fmt::format("{}, {}, {} positions, {} ranks", name, pass, positions, sharding.cp),
                      variant.at("seconds").at(pass).get<double>(), "s");
  set_baseline(row, kernel_alone, length.at("kernel").at(pass).get<double>());
  row["strategy"] = name;
  row["pass"] = pass;
  row["length"] = positions;
  row["ranks"] = sharding.cp;
  row["bytes"] = variant.at("bytes").at(pass);
  row["bytes_formula"] = forecast(job, sharding, positions, pass).value;
  row["exposed"] = variant.at("exposed").at(pass);
  return row;
}

std::vector<double> seconds_of(const json& answer, const std::string& name, const std::string& pass) {
  std::vector<double> seconds;
  for (const json& length : answer.at("lengths"))
    for (const json& variant : length.at("variants"))
      if (variant.at("name") == name) seconds.push_back(variant.at("seconds").at(pass).get<double>());
  return seconds;
}

std::string predicted_words(const Crossover& crossover) {
  if (crossover.length)
    return crossover.faster == AttentionSharding::ring ? fmt::format("from {} positions on", *crossover.length)
                                                       : fmt::format("below {} positions", *crossover.length);
  return crossover.faster == AttentionSharding::ring ? "at every length" : "at no length";
}

json crossover_row(const ShardingJob& job, const json& answer, const std::string& pass) {
  const int ranks = answer.at("ranks").get<int>();
  std::vector<double> lengths;
  for (const json& length : answer.at("lengths")) lengths.push_back(length.at("length").get<double>());
  const MeasuredCrossover measured =
      measured_crossover(lengths, seconds_of(answer, "ulysses", pass), seconds_of(answer, "ring zigzag", pass));
  AttentionMachine machine = measured_machine(job, answer);
  const AttentionRule rule{.causal = job.causal};
  const Crossover predicted = ring_over_ulysses(ranks, extent_of(job, 0), rule, pass_named(pass), machine);
  machine.progress = HopProgress::in_the_wait;
  const Crossover exposed = ring_over_ulysses(ranks, extent_of(job, 0), rule, pass_named(pass), machine);

  json row = case_row(fmt::format("ring zigzag overtakes ulysses, {}, {} ranks", pass, ranks), 0, "positions");
  row["value"] = nullptr;
  if (measured.length)
    row["value"] = *measured.length;
  else
    row["reason"]["value"] = fmt::format("the ring is faster at {} length measured", measured.overtakes ? "every" : "no");
  row["baseline"] = {{"name", "predicted"}, {"value", nullptr}};
  const bool overtakes = predicted.length && predicted.faster == AttentionSharding::ring;
  if (overtakes)
    row["baseline"]["value"] = *predicted.length;
  else
    row["reason"]["baseline.value"] = "the ring is predicted to be faster " + predicted_words(predicted);
  if (measured.length && overtakes)
    row["ratio"] = *measured.length / static_cast<double>(*predicted.length);
  else
    row["reason"]["ratio"] = "one of the two has no crossover";
  row["pass"] = pass;
  row["ranks"] = ranks;
  row["predicted"] = predicted_words(predicted);
  row["predicted_nothing_hidden"] = predicted_words(exposed);
  return row;
}

json constants_of(const ShardingJob& job, const json& answer) {
  const AttentionMachine machine = measured_machine(job, answer);
  return {{"ranks", answer.at("ranks")},
          {"kernel_flops_per_second", {{"forward", machine.forward.value}, {"backward", machine.backward.value}}},
          {"links", answer.at("links")}};
}

}  // namespace

MeasuredCrossover measured_crossover(const std::vector<double>& lengths, const std::vector<double>& first,
                                     const std::vector<double>& second) {
  ERGON_CHECK(lengths.size() == first.size() && lengths.size() == second.size() && !lengths.empty(), "curves of {}, {} and {} points",
              lengths.size(), first.size(), second.size());
  const auto above = [&](std::size_t i) { return std::log(second[i] / first[i]); };
  if (above(lengths.size() - 1) >= 0) return {{}, false};
  std::size_t below = lengths.size() - 1;
  while (below > 0 && above(below - 1) < 0) --below;
  if (below == 0) return {{}, true};
  const double share = above(below - 1) / (above(below - 1) - above(below));
  return {std::exp(std::log(lengths[below - 1]) + share * std::log(lengths[below] / lengths[below - 1])), true};
}

AttentionMachine measured_machine(const ShardingJob& job, const json& of_ranks) {
  const json& longest = of_ranks.at("lengths").back();
  const std::int64_t ranks = of_ranks.at("ranks").get<std::int64_t>(), sharers = std::min(ranks, job.heads),
                     heads = (job.heads + sharers - 1) / sharers;
  const std::int64_t pairs = whole_mask({.causal = job.causal}, longest.at("length").get<std::int64_t>()).visible_pairs();
  const double products = 2.0 * static_cast<double>(pairs) * static_cast<double>(job.batch * heads * job.head_width);
  const auto link = [&](const char* operation) {
    const json& of = of_ranks.at("links").at(operation);
    return LinkSpeed{{of.at("latency").get<double>()}, {of.at("bandwidth").get<double>()}};
  };
  return {{2 * products / longest.at("kernel").at("forward").get<double>()},
          {5 * products / longest.at("kernel").at("backward").get<double>()},
          link("ring_shift"),
          link("all_to_all"),
          link("all_gather"),
          HopProgress::behind_the_block};
}

json attention_result(const ShardingJob& job, const std::vector<json>& answers) {
  json cases = json::array(), left_out = json::array(), constants = json::array();
  for (const json& answer : answers) {
    const auto ranks = answer.at("ranks").get<std::int64_t>();
    const AttentionVariants variants = attention_variants(job, ranks);
    for (const json& length : answer.at("lengths"))
      for (const json& variant : length.at("variants"))
        for (const char* pass : passes)
          cases.push_back(timed_row(job, sharding_named(variants, variant.at("name").get<std::string>()), length, variant, pass));
    for (const LeftOut& variant : variants.left_out)
      left_out.push_back({{"ranks", ranks}, {"strategy", variant.name}, {"reason", variant.reason}});
    if (!seconds_of(answer, "ulysses", passes[0]).empty())
      for (const char* pass : passes) cases.push_back(crossover_row(job, answer, pass));
    constants.push_back(constants_of(job, answer));
  }
  return {{"schema", "ergon.bench.v1"},
          {"name", "attention-sharding"},
          {"machine", bench_machine()},
          {"job", to_json(job)},
          {"cases", cases},
          {"left_out", left_out},
          {"model", {{"text", model_text}, {"constants", constants}}}};
}

std::string attention_text(const json& result) {
  std::string text;
  for (const json& row : result.at("cases")) {
    if (row.contains("strategy")) {
      text += fmt::format("{:<55} {:>10.3f} ms  {:5.2f} x the kernel alone  waited {:4.1f} %  {} bytes\n",
                          row.at("case").get<std::string>(), 1e3 * row.at("value").get<double>(), row.at("ratio").get<double>(),
                          100 * row.at("exposed").get<double>(), row.at("bytes").get<std::int64_t>());
    } else {
      const std::string measured = row.at("value").is_null() ? row.at("reason").at("value").get<std::string>()
                                                             : fmt::format("from {:.0f} positions on", row.at("value").get<double>());
      text += fmt::format("{}: {}; predicted {}, where nothing hides a hop {}\n", row.at("case").get<std::string>(), measured,
                          row.at("predicted").get<std::string>(), row.at("predicted_nothing_hidden").get<std::string>());
    }
  }
  for (const json& row : result.at("left_out"))
    text += fmt::format("{} on {} ranks left out: {}\n", row.at("strategy").get<std::string>(), row.at("ranks").get<std::int64_t>(),
                        row.at("reason").get<std::string>());
  return text + "model: " + result.at("model").at("text").get<std::string>() + "\n";
}

}  // namespace ergon
