// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/utilisation.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "accounting/conventions.hpp"
#include "accounting/report/figures.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

// FLOPs of training a token, per unit of peak x devices / (tokens/s).
std::optional<double> share(const JobThroughput& job, const FlopForm& form) {
  if (!job.peak) return std::nullopt;
  const double a_token = to_double(flops_of(form, whole_sequence(job.length, attention_rule(job.shape)))) / static_cast<double>(job.length);
  return a_token * job.tokens_per_second / (job.peak->rate.value * static_cast<double>(job.devices));
}

std::string convention_of_hfu(const JobThroughput& job) {
  const bool plain = job.kernel == CoreKernel::plain;
  return fmt::format(
      "attention over {}, {} backward (the core's backward is {} x its forward); none: {}matrices 3 x, head once; selective: + one forward "
      "of "
      "the core; full: + one forward of the layers, head excluded",
      name(job.attention), plain ? "plain" : "flash", plain ? "2" : "2.5",
      plain && job.attention == CountedPairs::full ? "megatron21 where it applies, " : "");
}

void require_sane(const JobThroughput& job) {
  if (!std::isfinite(job.tokens_per_second) || job.tokens_per_second <= 0)
    throw Error(fmt::format("{} tokens per second is no speed", job.tokens_per_second), "--tokens-per-second",
                "the whole job's, 1.2e6 for instance");
  if (job.devices < 1)
    throw Error(fmt::format("{} devices is no job", job.devices), "--devices", "how many devices the job ran on, 8 for instance");
  if (job.peak && !(job.peak->rate.value > 0 && std::isfinite(job.peak->rate.value)))
    throw Error(fmt::format("{} FLOP/s is no peak", job.peak->rate.value), "--peak", "FLOP/s of one device, dense: 989e12 for instance");
}

}  // namespace

Utilisation utilisation_of(const JobThroughput& job) {
  require_sane(job);
  Utilisation all{job, {}, {}, {}, {}, convention_of_hfu(job), {}};
  for (const Convention& row : conventions()) {
    const FormulaOfShape formula = apply(row, job.shape);
    all.mfu.emplace_back(row.id, formula.applies() ? share(job, formula.training) : std::nullopt);
    if (!all.mfu.back().second) all.reason[fmt::format("mfu.{}", row.id)] = formula.applies() ? job.no_peak : formula.refused;
  }
  const HardwareForms forms = hardware_forms(job.shape, job.kernel, job.attention);
  all.none = share(job, forms.none);
  all.selective = share(job, forms.selective);
  all.full = share(job, forms.full);
  if (!job.peak) {
    for (const char* key : {"hfu.none", "hfu.selective", "hfu.full", "peak.flops_per_second", "peak.source"}) all.reason[key] = job.no_peak;
  }
  return all;
}

std::string utilisation_text(const Utilisation& u) {
  const JobThroughput& job = u.job;
  std::string text =
      fmt::format("{}, s = {}\n  {:.7g} tokens/s on {} device{}, {:.7g} each\n", job.title, job.length, job.tokens_per_second, job.devices,
                  job.devices == 1 ? "" : "s", job.tokens_per_second / static_cast<double>(job.devices));
  text += job.peak ? fmt::format("  peak {:.6g} FLOP/s a device: {}\n", job.peak->rate.value, job.peak->source)
                   : fmt::format("  peak unknown: {}\n", job.no_peak);
  text += "\nMFU, by convention\n";
  bool above = false;
  for (const auto& [id, value] : u.mfu) {
    text += fmt::format("  {:<18} {}\n", id, value ? percent(*value) : fmt::format("n/a: {}", u.reason.at("mfu." + id)));
    above = above || value.value_or(0) > 1;
  }
  text += "\nHFU, by recompute policy\n";
  const auto line = [&](const char* policy, const std::optional<double>& value) {
    text += fmt::format("  {:<18} {}\n", policy, value ? percent(*value) : fmt::format("n/a: {}", job.no_peak));
    above = above || value.value_or(0) > 1;
  };
  line("none", u.none);
  line("selective", u.selective);
  line("full", u.full);
  if (above)
    text +=
        "\nMore than the peak: check tokens per second (of the whole job), the devices, the peak's data type, and what attention skips.\n";
  text += fmt::format("\nHFU: {}\nMFU: `ergon flops` prints what each convention counts\n", u.hfu_convention);
  return text;
}

std::string utilisation_json(const Utilisation& u) {
  Json mfu = Json::object();
  for (const auto& [id, value] : u.mfu) mfu[id] = or_null(value);
  Json peak{{"flops_per_second", nullptr}, {"source", nullptr}};
  if (u.job.peak) peak = {{"flops_per_second", u.job.peak->rate.value}, {"source", u.job.peak->source}};
  const Json json = {{"schema", "ergon.mfu.v1"},
                     {"model", u.job.title},
                     {"sequence", u.job.length},
                     {"tokens_per_second", u.job.tokens_per_second},
                     {"devices", u.job.devices},
                     {"mfu", mfu},
                     {"hfu", {{"none", or_null(u.none)}, {"selective", or_null(u.selective)}, {"full", or_null(u.full)}}},
                     {"hfu_convention", u.hfu_convention},
                     {"peak", peak},
                     {"reason", u.reason}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ergon
