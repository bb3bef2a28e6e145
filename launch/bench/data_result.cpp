// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "launch/bench/data.hpp"
#include "launch/bench/ranks.hpp"
#include "launch/bench/result.hpp"
#include "launch/bench/rounds.hpp"

namespace ergon {

using nlohmann::json;

namespace {

constexpr double least_of_pread = 0.8, most_read = 4, most_of_a_step = 0.01;
constexpr std::int64_t shortest_with_floor = 1024;  // tokens of a sample: a block is read whole, however short the sample

void at_least(json& row, const char* of, double floor) {
  row["floor"] = {{"of", of}, {"at_least", floor}, {"held", row.at(of).get<double>() >= floor}};
}
void at_most(json& row, const char* of, double floor) {
  row["floor"] = {{"of", of}, {"at_most", floor}, {"held", row.at(of).get<double>() <= floor}};
}

// Of a sample, the medians; what the reading thread does, and what the training thread does.
json phases(const DataFigures& figures) {
  const auto of = [&](double seconds) { return seconds / static_cast<double>(figures.samples); };
  const double plain = median(figures.plain), steady = median(figures.steady), labels = median(figures.labels);
  return {{"unit", "s a sample"},
          {"reading_thread", {{"pread", of(plain)}, {"tokens", of(steady - plain)}, {"labels_and_marks", of(labels - steady)}}},
          {"training_thread", {{"order", of(median(figures.order))}, {"tensors", of(median(figures.tensors))}}}};
}

json model_row(const DataJob& job, const DataFigures& figures) {
  const double seen = median(figures.seen), step = median(figures.step), tokens = static_cast<double>(figures.model_tokens);
  json row = case_row("a step: what its thread sees of the loader", seen / step, "of the step");
  row["model"] = fmt::format("GPT-2 of 4 layers, width 256; {} sequences of {}, {} threads", job.model_batch, job.sequence, job.threads);
  row["seconds"] = {{"seen", seen}, {"step", step}};
  row["seen_seconds_per_token"] = seen / tokens;
  row["held_up_to_tokens_per_second"] = most_of_a_step * tokens / seen;
  row["each"] = {{"seen", figures.seen}, {"step", figures.step}};
  at_most(row, "value", most_of_a_step);
  return row;
}

}  // namespace

json data_result(const DataJob& job, const DataFigures& figures) {
  const double used = static_cast<double>(figures.samples * figures.used);
  const auto speed = [&](const char* name, const std::vector<double>& seconds, const std::vector<double>& plain) {
    json row = case_row(name, used / median(seconds) / 1e6, "MB/s");
    set_baseline(row, "plain pread of the same windows", used / median(plain) / 1e6);
    row["each"] = {{"seconds", seconds}, {"baseline_seconds", plain}};
    return row;
  };
  const auto bytes_read = [&](const char* name, std::int64_t bytes, std::int64_t samples) {
    json row = case_row(name, static_cast<double>(bytes) / static_cast<double>(samples * figures.used), "bytes read per byte used");
    row["samples"] = samples;
    if (job.sequence >= shortest_with_floor) at_most(row, "value", most_read);
    return row;
  };
  json steady = speed("steady", figures.steady, figures.plain), loader = speed("steady, through the loader", figures.loader, figures.plain);
  for (json* row : {&steady, &loader}) at_least(*row, "ratio", least_of_pread);
  loader["phases"] = phases(figures);
  return {{"schema", "ergon.bench.v1"},
          {"name", "data"},
          {"machine", bench_machine()},
          {"job",
           {{"stores", job.stores},
            {"generated_tokens", job.stores.empty() ? job.generated : 0},
            {"sequence", job.sequence},
            {"samples", figures.samples},
            {"batch", job.batch},
            {"rounds", job.rounds},
            {"reading_threads", 1},
            {"cold", job.cold}}},
          {"cases",
           {speed("first touch", figures.first, figures.first_plain), steady, loader,
            bytes_read("first touch, all samples", figures.first_bytes, figures.samples),
            bytes_read("first touch, the first hundredth of the samples", figures.early_bytes, figures.early), model_row(job, figures)}}};
}

std::string data_text(const json& result) {
  std::string text;
  for (const json& row : result.at("cases")) {
    text += fmt::format("{:<50} {:>10.4g} {}", row.at("case").get<std::string>(), row.at("value").get<double>(),
                        row.at("unit").get<std::string>());
    if (!row.at("ratio").is_null())
      text += fmt::format("  {:.2f} x {}", row.at("ratio").get<double>(), row.at("baseline").at("name").get<std::string>());
    if (row.contains("floor")) {
      const json& floor = row.at("floor");
      const char* bound = floor.contains("at_least") ? "at_least" : "at_most";
      text += fmt::format("  ({} {:g}: {})", floor.contains("at_least") ? "at least" : "at most", floor.at(bound).get<double>(),
                          floor.at("held").get<bool>() ? "held" : "NOT held");
    }
    text += "\n";
  }
  return text;
}

}  // namespace ergon
