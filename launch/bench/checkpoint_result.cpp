// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "configs/key_table.hpp"
#include "launch/bench/checkpoint.hpp"
#include "launch/bench/job.hpp"
#include "launch/bench/result.hpp"
#include "launch/bench/rounds.hpp"
#include "launch/identity.hpp"

namespace ergon {

using nlohmann::json;

namespace {

// What is promised of a case: its ratio is at least, or at most, this.
constexpr double write_floor = 0.8, load_floor = 0.8, blocked_target = 0.05;

json at_least(json row, double floor) {
  row["floor"] = floor;
  row["held"] = row.at("ratio").get<double>() >= floor;
  return row;
}

json at_most(json row, double target) {
  row["target"] = target;
  row["held"] = row.at("ratio").get<double>() <= target;
  return row;
}

json beside(json row, const std::string& name, double value) {
  set_baseline(row, name, value);
  return row;
}

// Medians, each of its own: they add up to about that of the whole.
json phases_of(const CheckpointBenchFigures& figures) {
  const auto phase = [&](auto seconds_of) {
    std::vector<double> seconds;
    for (const SaveSeconds& spent : figures.phases) seconds.push_back(seconds_of(spent).value);
    return median(seconds);
  };
  return {{"copy", phase([](const SaveSeconds& s) { return s.copy; })},
          {"layout", phase([](const SaveSeconds& s) { return s.shard.layout; })},
          {"checksum", phase([](const SaveSeconds& s) { return s.shard.checksum; })},
          {"write", phase([](const SaveSeconds& s) { return s.shard.write; })},
          {"sync", phase([](const SaveSeconds& s) { return s.shard.sync; })},
          {"commit", phase([](const SaveSeconds& s) { return s.commit; })},
          {"verify", median(figures.verify)}};
}

}  // namespace

json checkpoint_bench_result(const CheckpointBenchJob& job, const CheckpointBenchFigures& figures) {
  const auto speed = [&](const std::vector<double>& seconds) { return static_cast<double>(figures.bytes.value) / median(seconds) / 1e9; };
  json cases = json::array();
  json write = case_row("write", speed(figures.save), "GB/s"), load = case_row("load", speed(figures.load), "GB/s");
  const auto add = [&](const json& row, const std::string& name, double value) { cases.push_back(beside(row, name, value)); };
  json first = write;
  first["seconds"] = phases_of(figures);  // verification follows the commit: it is in no speed
  cases.push_back(at_least(beside(first, "dd conv=fsync of as many bytes", speed(figures.dd)), write_floor));
  cases.push_back(at_least(beside(load, "reads of 1 MiB of the same file", speed(figures.read)), load_floor));
  json blocked = case_row("training blocked by a save beside it", median(figures.blocked), "s");
  blocked["copy_seconds"] = median(figures.copy);
  blocked["write_seconds"] = median(figures.write);
  cases.push_back(at_most(beside(blocked, "a blocking save", median(figures.save)), blocked_target));
  json step = case_row("step while a save is written", median(figures.step_beside), "s");
  step["steps"] = median(figures.steps);
  add(step, "step alone", median(figures.step_alone));
  add(case_row("steps slowed by a save beside them, all together", median(figures.slowed), "s"), "a blocking save", median(figures.save));
  if (!figures.torch_save.empty()) {
    add(write, "torch.save and fsync", speed(figures.torch_save));
    add(load, "torch.load", speed(figures.torch_load));
    add(write, "torch.distributed.checkpoint.save", speed(figures.distributed_save));
    add(load, "torch.distributed.checkpoint.load", speed(figures.distributed_load));
  }
  return {{"schema", "ergon.bench.v1"},
          {"name", "checkpoint"},
          {"machine", {{"cpu", cpu_identity()}, {"threads", job.threads}}},
          {"config", to_toml(bench_config({job.overrides, job.threads, job.rounds, {}, "", ""}))},
          {"bytes", figures.bytes.value},
          {"rounds", job.rounds},
          {"cases", cases}};
}

std::string checkpoint_bench_text(const json& result) {
  std::string text = fmt::format("{:.2f} GB a checkpoint, medians of {} rounds, caches dropped before reading\n",
                                 result.at("bytes").get<double>() / 1e9, result.at("rounds").get<std::int64_t>());
  for (const json& row : result.at("cases")) {
    const json& baseline = row.at("baseline");
    text += fmt::format("{}: {:.3f} {}, {:.3f} x {:.3f} ({})\n", row.at("case").get<std::string>(), row.at("value").get<double>(),
                        row.at("unit").get<std::string>(), row.at("ratio").get<double>(), baseline.at("value").get<double>(),
                        baseline.at("name").get<std::string>());
    if (row.contains("seconds")) {
      text += "  seconds:";
      for (const auto& [phase, seconds] : row.at("seconds").items()) text += fmt::format(" {} {:.3f}", phase, seconds.get<double>());
      text += "\n";
    }
    if (row.contains("held"))
      text += fmt::format("  {} {}: {}\n", row.contains("floor") ? "at least" : "at most", row.value("floor", row.value("target", 0.0)),
                          row.at("held").get<bool>() ? "held" : "NOT held");
  }
  return text;
}

}  // namespace ergon
