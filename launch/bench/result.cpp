// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/result.hpp"

#include <fmt/format.h>

#include "configs/key_table.hpp"
#include "launch/bench/rounds.hpp"
#include "launch/identity.hpp"

namespace ergon {

using nlohmann::json;

json case_row(const std::string& name, double value, const std::string& unit) {
  return {{"case", name}, {"value", value}, {"unit", unit}, {"baseline", nullptr}, {"ratio", nullptr}};
}

void set_baseline(json& row, const std::string& name, double value) {
  row["baseline"] = {{"name", name}, {"value", value}};
  row["ratio"] = row.at("value").get<double>() / value;
}

json bench_result(const BenchJob& job, const BenchTrainResult& measured) {
  const StepSeconds& split = measured.split;
  json step = case_row("step", median(measured.tokens_per_second), "tokens/s");
  step["each"] = measured.tokens_per_second;
  step["seconds"] = {{"forward", split.forward.value},     {"backward", split.backward.value}, {"reduce", split.reduce.value},
                     {"optimizer", split.optimizer.value}, {"gemm", measured.gemm.value},      {"attention", measured.attention.value}};
  step["gemm_library"] = measured.gemm_library;
  step["peak_memory_bytes"] = measured.peak_memory.value;
  step["loss"] = measured.loss;

  const double seconds = split.forward.value + split.backward.value + split.reduce.value + split.optimizer.value;
  const std::string peak = fmt::format("peak of {} in this process, square products up to 2048", measured.gemm_library);
  json products = case_row("products alone", measured.gemm_flops / measured.gemm.value / 1e9, "GFLOP/s");
  json whole = case_row("products over the whole step", measured.gemm_flops / seconds / 1e9, "GFLOP/s");
  set_baseline(products, peak, measured.gemm_peak.value / 1e9);
  set_baseline(whole, peak, measured.gemm_peak.value / 1e9);
  return {{"schema", "ergon.bench.v1"},
          {"name", "train"},
          {"machine", {{"cpu", cpu_identity()}, {"threads", job.threads}}},
          {"config", to_toml(bench_config(job))},
          {"cases", {step, products, whole}}};
}

std::string bench_text(const json& result) {
  const json& step = result.at("cases")[0];
  const auto second = [&](const char* part) { return step.at("seconds").at(part).get<double>(); };
  std::string text = fmt::format("{:.0f} tokens/s  ({:.0f} MiB resident, GEMM library {})\n", step.at("value").get<double>(),
                                 step.at("peak_memory_bytes").get<double>() / (1 << 20), step.at("gemm_library").get<std::string>());
  const double forward = second("forward"), backward = second("backward");
  text += fmt::format("a step: forward {:.3f} s, backward {:.3f} s, reduce {:.3f} s, optimizer {:.3f} s\n", forward, backward,
                      second("reduce"), second("optimizer"));
  text += fmt::format("of forward and backward: products {:.3f} s, attention {:.3f} s, the rest {:.3f} s\n", second("gemm"),
                      second("attention"), forward + backward - second("gemm") - second("attention"));
  for (const json& row : result.at("cases"))
    if (!row.at("ratio").is_null())
      text += fmt::format("{}: {:.0f} {}, {:.2f} x {:.0f} ({})\n", row.at("case").get<std::string>(), row.at("value").get<double>(),
                          row.at("unit").get<std::string>(), row.at("ratio").get<double>(), row.at("baseline").at("value").get<double>(),
                          row.at("baseline").at("name").get<std::string>());
  return text;
}

}  // namespace ergon
