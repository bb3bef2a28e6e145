// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "accounting/scaling/law_report.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* unknown = "the source of the law does not say";

// {value, low, high} or null; what is null gets its reason under `key`.
Json estimate_json(const std::optional<Estimate>& estimate, const std::map<std::string, std::string>& why, const std::string& member,
                   const std::string& key, Json& reason) {
  if (!estimate) {
    reason[key] = why.at(member);
    return nullptr;
  }
  Json json{{"value", estimate->value}, {"low", nullptr}, {"high", nullptr}};
  if (estimate->interval) {
    json["low"] = estimate->interval->low;
    json["high"] = estimate->interval->high;
  } else {
    reason[key + ".low"] = reason[key + ".high"] = why.at("interval");
  }
  return json;
}

Json text_json(const std::string& text, const std::string& key, Json& reason) {
  if (!text.empty()) return text;
  reason[key] = unknown;
  return nullptr;
}

Json decades_json(const std::optional<double>& decades, const std::string& key, Json& reason) {
  if (decades) return *decades;
  reason[key] = extrapolation_text(decades);
  return nullptr;
}

Json bounds_json(const std::optional<Bounds>& bounds, const std::string& key, Json& reason) {
  if (bounds) return {{"low", bounds->low}, {"high", bounds->high}};
  reason[key] = unknown;
  return nullptr;
}

Json power_json(const PowerLaw& law) { return {{"coefficient", law.coefficient}, {"exponent", law.exponent}}; }

Json allocation_json(const PowerAllocation& allocation, Json& reason) {
  Json json{{allocation.parameters_are_flops_per_token ? "flops_per_token" : "parameters", power_json(allocation.parameters)},
            {"printed_tokens", nullptr}};
  if (allocation.printed_tokens)
    json["printed_tokens"] = power_json(*allocation.printed_tokens);
  else
    reason["allocation.printed_tokens"] = unknown;
  return json;
}

Json hyperparameters_json(const ScalingLaw& law) {
  Json rows = Json::array();
  for (const HyperparameterLaw& row : law.hyperparameters)
    rows.push_back({{"of", row.of},
                    {"coefficient", row.coefficient},
                    {"n_exponent", row.n_exponent},
                    {"d_exponent", row.d_exponent},
                    {"c_exponent", row.c_exponent},
                    {"log_n", row.log_n},
                    {"note", row.note}});
  return rows;
}

// The forms that the law has; null, with its reason, for those that it lacks.
void add_forms(const ScalingLaw& law, Json& json, Json& reason) {
  for (const char* key : {"law", "joint_law", "frontier_loss", "allocation", "repetition", "fit"}) {
    json[key] = nullptr;
    reason[key] = fmt::format("{} gives none", law.name);
  }
  const auto set = [&](const char* key, Json value) {
    json[key] = std::move(value);
    reason.erase(key);
  };
  if (const auto& form = law.loss_law)
    set("law", {{"E", form->e}, {"A", form->a}, {"B", form->b}, {"alpha", form->alpha}, {"beta", form->beta}});
  if (const auto& form = law.joint_law)
    set("joint_law", {{"N_c", form->n_c}, {"D_c", form->d_c}, {"alpha_N", form->alpha_n}, {"alpha_D", form->alpha_d}});
  if (law.frontier_loss) set("frontier_loss", power_json(*law.frontier_loss));
  if (law.allocation) set("allocation", allocation_json(*law.allocation, reason));
  if (const auto& form = law.repetition)
    set("repetition", {{"data_half_life", form->data_half_life}, {"parameter_half_life", form->parameter_half_life}});
  if (const auto& fit = law.fit) {
    set("fit", {{"huber_delta", fit->huber_delta ? Json(*fit->huber_delta) : Json()},
                {"seed", fit->huber_delta ? Json(fit->seed) : Json()},
                {"input_sha256", fit->input_sha256},
                {"rows", fit->rows},
                {"level", fit->level}});
    if (!fit->huber_delta) reason["fit.huber_delta"] = reason["fit.seed"] = "the law is not of approach 3, and carries no samples";
  }
}

Json exponents_json(const ScalingLaw& law, double level, Json& reason) {
  const LawExponents found = exponents_of(law, level);
  return {{"a", estimate_json(found.a, found.reason, "a", "exponents.a", reason)},
          {"b", estimate_json(found.b, found.reason, "b", "exponents.b", reason)}};
}

}  // namespace

std::string law_list_json(const std::vector<ScalingLaw>& laws) {
  Json rows = Json::array(), reason = Json::object();
  for (const ScalingLaw& law : laws)
    rows.push_back({{"name", law.name},
                    {"title", law.title},
                    {"form", law_form(law)},
                    {"data_set", text_json(law.definitions.data_set, fmt::format("laws[{}].data_set", rows.size()), reason)},
                    {"samples", law.samples.size()}});
  return Json{{"schema", "ergon.law_list.v1"}, {"laws", rows}, {"reason", reason}}.dump(2) + "\n";
}

std::string law_show_json(const ScalingLaw& law, double level) {
  Json reason = Json::object();
  const LawDefinitions& counts = law.definitions;
  Json json{{"schema", "ergon.law_show.v1"},
            {"name", law.name},
            {"title", law.title},
            {"source", law.source},
            {"traps", law.traps},
            {"form", law_form(law)},
            {"definitions",
             {{"parameters", counts.parameters},
              {"compute", counts.compute},
              {"loss", counts.loss},
              {"data_set", text_json(counts.data_set, "definitions.data_set", reason)},
              {"tokenizer", text_json(counts.tokenizer, "definitions.tokenizer", reason)}}},
            {"domain",
             {{"parameters", bounds_json(law.domain.parameters, "domain.parameters", reason)},
              {"tokens", bounds_json(law.domain.tokens, "domain.tokens", reason)},
              {"flops", bounds_json(law.domain.flops, "domain.flops", reason)}}}};
  add_forms(law, json, reason);
  json["exponents"] = exponents_json(law, level, reason);
  json["hyperparameters"] = hyperparameters_json(law);
  json["samples"] = law.samples.size();
  json["samples_note"] = law.samples_note;
  json["level"] = level;
  json["reason"] = reason;
  return json.dump(2) + "\n";
}

std::string law_predict_json(const LawPrediction& prediction) {
  Json reason = Json::object();
  Json json{{"schema", "ergon.law_predict.v1"},
            {"law", prediction.law.name},
            {"parameters", prediction.at.parameters},
            {"tokens", prediction.at.tokens},
            {"unique_tokens", nullptr},
            {"level", prediction.level},
            {"loss", estimate_json(prediction.answer.loss, prediction.answer.reason, "loss", "loss", reason)},
            {"loss_unit", prediction.law.definitions.loss},
            {"data_set", text_json(prediction.law.definitions.data_set, "data_set", reason)},
            {"decades_beyond", decades_json(prediction.decades, "decades_beyond", reason)}};
  if (prediction.unique_tokens)
    json["unique_tokens"] = *prediction.unique_tokens;
  else
    reason["unique_tokens"] = "not given: no token is repeated";
  json["reason"] = reason;
  return json.dump(2) + "\n";
}

std::string law_compare_json(const LawComparison& comparison) {
  Json by_law = Json::object(), reason = Json::object();
  for (const LawAnswer& answer : comparison.answers) {
    const std::string at = fmt::format("by_law.{}.", answer.law.name);
    const Advice& advice = answer.advice;
    Json row{{"parameters", estimate_json(advice.parameters, advice.reason, "parameters", at + "parameters", reason)},
             {"tokens", estimate_json(advice.tokens, advice.reason, "tokens", at + "tokens", reason)},
             {"loss", estimate_json(advice.loss, advice.reason, "loss", at + "loss", reason)},
             {"printed_tokens", nullptr},
             {"counts", answer.law.definitions.parameters},
             {"data_set", text_json(answer.law.definitions.data_set, at + "data_set", reason)},
             {"decades_beyond", decades_json(answer.decades, at + "decades_beyond", reason)}};
    if (advice.printed_tokens)
      row["printed_tokens"] = *advice.printed_tokens;
    else
      reason[at + "printed_tokens"] = advice.reason.at("printed_tokens");
    by_law[answer.law.name] = row;
  }
  return Json{{"schema", "ergon.law_compare.v1"},
              {"budget_flops", comparison.flops},
              {"level", comparison.level},
              {"by_law", by_law},
              {"disagreement", comparison.disagreement},
              {"reason", reason}}
             .dump(2) +
         "\n";
}

}  // namespace ergon
