// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "accounting/scaling/law_report.hpp"

namespace ergon {
namespace {

std::string or_unknown(const std::string& text) { return text.empty() ? "not known" : text; }

std::string estimate_text(const std::optional<Estimate>& estimate) {
  if (!estimate) return "-";
  if (!estimate->interval) return fmt::format("{:.4g}", estimate->value);
  return fmt::format("{:.4g} ({:.4g} to {:.4g})", estimate->value, estimate->interval->low, estimate->interval->high);
}

std::string bounds_text(const char* name, const std::optional<Bounds>& bounds) {
  return bounds ? fmt::format("{} {:g} to {:g}", name, bounds->low, bounds->high) : fmt::format("{} not known", name);
}

std::string power_text(const char* left, const PowerLaw& law, const char* right) {
  return fmt::format("{} = {:g} {}^{:g}", left, law.coefficient, right, law.exponent);
}

std::string row(const char* name, const std::string& text) { return fmt::format("  {:<13} {}\n", name, text); }

std::string forms_text(const ScalingLaw& law, double level) {
  std::string text;
  if (const auto& form = law.loss_law) {
    const LawExponents found = exponents_of(law, level);
    text +=
        row("L(N, D)", fmt::format("E {:g}, A {:g}, B {:g}, alpha {:g}, beta {:g}", form->e, form->a, form->b, form->alpha, form->beta));
    text += row("optimum", fmt::format("N* as C^a, a = {}; D* as C^b, b = {}", estimate_text(found.a), estimate_text(found.b)));
  }
  if (const auto& form = law.joint_law)
    text += row("L(N, D)", fmt::format("[(N_c / N)^(alpha_N / alpha_D) + D_c / D]^alpha_D, N_c {:g}, D_c {:g}, alpha_N {:g}, alpha_D {:g}",
                                       form->n_c, form->d_c, form->alpha_n, form->alpha_d));
  if (law.frontier_loss) text += row("least loss", power_text("L", *law.frontier_loss, "C"));
  if (const auto& form = law.allocation) {
    text += row("optimum", power_text(form->parameters_are_flops_per_token ? "M" : "N", form->parameters, "C"));
    if (form->printed_tokens) text += row("as printed", power_text("D", *form->printed_tokens, "C"));
  }
  if (const auto& form = law.repetition)
    text += row("repetition", fmt::format("R_D* {:g}, R_N* {:g}", form->data_half_life, form->parameter_half_life));
  for (const HyperparameterLaw& form : law.hyperparameters) {
    std::string formula = fmt::format("{:g}", form.coefficient);
    if (form.n_exponent != 0) formula += fmt::format(" N^{:g}", form.n_exponent);
    if (form.d_exponent != 0) formula += fmt::format(" D^{:g}", form.d_exponent);
    if (form.c_exponent != 0) formula += fmt::format(" C^{:g}", form.c_exponent);
    if (form.log_n != 0) formula += fmt::format(" {} {:g} ln N", form.log_n < 0 ? "-" : "+", std::abs(form.log_n));
    text += row(form.of == "batch_tokens" ? "batch tokens" : "learning rate", formula + (form.note.empty() ? "" : "; " + form.note));
  }
  return text;
}

}  // namespace

std::string law_list_text(const std::vector<ScalingLaw>& laws) {
  std::size_t name = 4, form = 4;
  for (const ScalingLaw& law : laws) {
    name = std::max(name, law.name.size());
    form = std::max(form, law_form(law).size());
  }
  std::string text = fmt::format("{:<{}}  {:<{}}  {:<24}  {}\n", "law", name, "form", form, "data", "title");
  for (const ScalingLaw& law : laws)
    text +=
        fmt::format("{:<{}}  {:<{}}  {:<24}  {}\n", law.name, name, law_form(law), form, or_unknown(law.definitions.data_set), law.title);
  return text + "\n`ergon law show NAME`: coefficients, domain, source, known traps.\n";
}

std::string law_show_text(const ScalingLaw& law, double level) {
  const LawDefinitions& counts = law.definitions;
  std::string text = fmt::format("{}: {}\n", law.name, law.title) + row("form", law_form(law)) + forms_text(law, level);
  text += row("counts", fmt::format("N: {}; C: {}; loss: {}", counts.parameters, counts.compute, counts.loss));
  text += row("data", fmt::format("{}; tokenizer: {}", or_unknown(counts.data_set), or_unknown(counts.tokenizer)));
  text += row("domain", fmt::format("{}; {}; {}", bounds_text("N", law.domain.parameters), bounds_text("D", law.domain.tokens),
                                    bounds_text("C", law.domain.flops)));
  if (const auto& fit = law.fit)
    text += row("fit",
                fmt::format("{} rows, {}input SHA-256 {}", fit->rows,
                            fit->huber_delta ? fmt::format("delta {:g}, seed {}, ", *fit->huber_delta, fit->seed) : "", fit->input_sha256));
  if (law.samples.empty())
    text += row("intervals", fmt::format("none: {}", no_interval_reason(law)));
  else
    text += row("intervals", fmt::format("the middle {:g} of {} samples{}", level, law.samples.size(),
                                         law.samples_note.empty() ? "" : "; " + law.samples_note));
  text += row("source", law.source);
  if (!law.traps.empty()) text += "  known traps\n";
  for (const std::string& trap : law.traps) text += fmt::format("    - {}\n", trap);
  return text;
}

std::string law_predict_text(const LawPrediction& prediction) {
  const ScalingLaw& law = prediction.law;
  std::string of = fmt::format("{:g} parameters on {:g} tokens", prediction.at.parameters, prediction.at.tokens);
  if (prediction.unique_tokens) of += fmt::format(", {:g} of them distinct", *prediction.unique_tokens);
  std::string text = fmt::format("{} under {}\n", of, law.name);
  if (!prediction.answer.loss) return text + row("loss", "none: " + prediction.answer.reason.at("loss"));
  text += row("loss", fmt::format("{} {}", estimate_text(prediction.answer.loss), law.definitions.loss));
  text +=
      row("interval", prediction.answer.loss->interval ? fmt::format("the middle {:g} of {} samples", prediction.level, law.samples.size())
                                                       : "none: " + prediction.answer.reason.at("interval"));
  text += row("data", fmt::format("{}: losses on other data are not comparable", or_unknown(law.definitions.data_set)));
  return text + row("6 N D", fmt::format("{:.4g} FLOPs, {}", 6 * prediction.at.parameters * prediction.at.tokens,
                                         extrapolation_text(prediction.decades)));
}

std::string law_compare_text(const LawComparison& comparison) {
  std::string text =
      fmt::format("The optimum of {:g} FLOPs by law; intervals: the middle {:g} of the samples\n", comparison.flops, comparison.level);
  text += fmt::format("  {:<18} {:<36} {:<36} {:<27} {:<12} {}\n", "law", "N*", "D* = C / (6 N*)", "loss", "printed D", "data");
  std::string notes;
  for (const LawAnswer& answer : comparison.answers) {
    const Advice& advice = answer.advice;
    text += fmt::format("  {:<18} {:<36} {:<36} {:<27} {:<12} {}\n", answer.law.name, estimate_text(advice.parameters),
                        estimate_text(advice.tokens), estimate_text(advice.loss),
                        advice.printed_tokens ? fmt::format("{:.4g}", *advice.printed_tokens) : "-",
                        or_unknown(answer.law.definitions.data_set));
    notes += fmt::format("  {}: N counts {}; {}\n", answer.law.name, answer.law.definitions.parameters, extrapolation_text(answer.decades));
  }
  text += "\n" + comparison.disagreement + " Losses on different data sets are not comparable.\n";
  return text + notes;
}

}  // namespace ergon
