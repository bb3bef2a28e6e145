// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "configs/key_table.hpp"
#include "launch/bench_checkpoint.hpp"
#include "launch/bench_job.hpp"
#include "launch/bench_result.hpp"
#include "launch/bench_rounds.hpp"
#include "launch/identity.hpp"

namespace ergon {

using nlohmann::json;

json checkpoint_bench_result(const CheckpointBenchJob& job, const CheckpointBenchFigures& figures) {
  const auto speed = [&](const std::vector<double>& seconds) { return static_cast<double>(figures.bytes.value) / median(seconds) / 1e9; };
  json cases = json::array();
  const auto add = [&](json row, const std::string& name, double value) {
    set_baseline(row, name, value);
    cases.push_back(std::move(row));
  };
  const json write = case_row("write", speed(figures.save), "GB/s"), load = case_row("load", speed(figures.load), "GB/s");
  add(write, "dd conv=fsync of as many bytes", speed(figures.dd));
  add(load, "reads of 1 MiB of the same file", speed(figures.read));
  json blocked = case_row("training blocked by a save beside it", median(figures.blocked), "s");
  blocked["copy_seconds"] = median(figures.copy);
  blocked["write_seconds"] = median(figures.write);
  add(blocked, "a blocking save", median(figures.save));
  add(case_row("step while a save is written", median(figures.step_beside), "s"), "step alone", median(figures.step_alone));
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
  }
  return text;
}

}  // namespace ergon
