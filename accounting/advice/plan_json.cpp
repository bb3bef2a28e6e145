// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "accounting/advice/plan.hpp"
#include "configs/names.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;
using Reasons = std::map<std::string, std::string>;

std::string reason_of(const Reasons& reason, const std::string& member) {
  const auto found = reason.find(member);
  return found == reason.end() ? "not given by the law" : found->second;
}

std::string no_interval(const Reasons& reason) {
  const auto found = reason.find("interval");
  return found == reason.end() ? "it was given, not found" : found->second;
}

// {value, low, high}; what is null is explained under `key`.
Json estimate_json(const std::string& key, const std::optional<Estimate>& estimate, const Reasons& why, const std::string& member,
                   Json& reason) {
  Json json{{"value", nullptr}, {"low", nullptr}, {"high", nullptr}};
  if (!estimate) {
    for (const char* part : {"value", "low", "high"}) reason[fmt::format("{}.{}", key, part)] = reason_of(why, member);
    return json;
  }
  json["value"] = estimate->value;
  if (estimate->interval) {
    json["low"] = estimate->interval->low;
    json["high"] = estimate->interval->high;
    return json;
  }
  for (const char* part : {"low", "high"}) reason[fmt::format("{}.{}", key, part)] = no_interval(why);
  return json;
}

Json optimum_json(const std::string& key, const Advice& advice, Json& reason) {
  return {{"parameters", estimate_json(key + ".parameters", advice.parameters, advice.reason, "parameters", reason)},
          {"tokens", estimate_json(key + ".tokens", advice.tokens, advice.reason, "tokens", reason)},
          {"loss", estimate_json(key + ".loss", advice.loss, advice.reason, "loss", reason)}};
}

Json number_json(const std::string& key, const std::optional<double>& value, const std::string& why, Json& reason) {
  if (value) return *value;
  reason[key] = why;
  return nullptr;
}

Json bounds_json(const std::optional<Estimate>& estimate) {
  if (!estimate || !estimate->interval) return nullptr;
  return {{"low", estimate->interval->low}, {"high", estimate->interval->high}};
}

Json law_json(const PlanAnswer& given, Json& reason) {
  const std::string key = "by_law." + given.law.name;
  const Advice& advice = given.answer.advice;
  const auto value = [&](const char* member, const std::optional<Estimate>& estimate) {
    const std::optional<double> number = estimate ? std::optional(estimate->value) : std::nullopt;
    return number_json(key + "." + member, number, reason_of(advice.reason, member), reason);
  };
  Json json{{"parameters", value("parameters", advice.parameters)},
            {"tokens", value("tokens", advice.tokens)},
            {"loss", value("loss", advice.loss)},
            {"flops", value("flops", advice.flops)}};
  json["interval"] = {
      {"parameters", bounds_json(advice.parameters)}, {"tokens", bounds_json(advice.tokens)}, {"loss", bounds_json(advice.loss)}};
  for (const auto& part : json["interval"])
    if (part.is_null()) reason[key + ".interval"] = no_interval(advice.reason);
  json["printed_tokens"] = number_json(key + ".printed_tokens", advice.printed_tokens, reason_of(advice.reason, "printed_tokens"), reason);
  json["decades_beyond_data"] = number_json(key + ".decades_beyond_data", given.decades, "the FLOPs behind this law are not known", reason);
  json["title"] = given.law.title;
  json["source"] = given.law.source;
  json["counts_parameters"] = given.law.definitions.parameters;
  json["counts_flops"] = given.law.definitions.compute;
  json["data_set"] = given.law.definitions.data_set;
  json["loss_unit"] = given.law.definitions.loss;
  return json;
}

Json frontier_json(const Plan& plan, Json& reason) {
  const std::string why = reason_of(plan.chosen.answer.advice.reason, "loss");
  Json points = Json::array();
  for (const FrontierPoint& point : plan.frontier) {
    Json json{{"factor", point.factor},    {"parameters", point.at.parameters},
              {"tokens", point.at.tokens}, {"tokens_per_parameter", point.at.tokens / point.at.parameters},
              {"loss", nullptr},           {"excess_loss", nullptr}};
    if (point.loss) {
      json["loss"] = *point.loss;
      json["excess_loss"] = *point.excess;
    } else {
      for (const char* member : {"loss", "excess_loss"}) reason[fmt::format("frontier[{}].{}", points.size(), member)] = why;
    }
    points.push_back(json);
  }
  return points;
}

Json architecture_json(const Plan& plan) {
  if (!plan.architecture) return nullptr;
  const PlannedArchitecture& planned = *plan.architecture;
  const ModelShape& shape = planned.shape;
  return {
      {"model",
       {{"layers", shape.layers},
        {"width", shape.width},
        {"heads", shape.heads},
        {"kv_heads", shape.kv_heads},
        {"head_width", shape.head_width},
        {"ffn_width", shape.ffn_width},
        {"vocabulary", shape.vocabulary},
        {"sequence", shape.sequence},
        {"norm", choice_name(shape.norm)},
        {"positions", choice_name(shape.positions)},
        {"mlp", choice_name(shape.mlp)},
        {"biases", shape.biases},
        {"tied", shape.tied}}},
      {"parameters", {{"total", planned.counts.total}, {"non_embedding", planned.counts.non_embedding}, {"matmul", planned.counts.matmul}}},
      {"counted", count_name(planned.as)},
      {"tokens", planned.tokens.value},
      {"flops", {{"6n", to_decimal(planned.six_n)}, {"exact", to_decimal(planned.exact)}}},
      {"deviation", {{"6n", planned.six_n_deviation}, {"exact", planned.exact_deviation}}}};
}

Json hyperparameters_json(const Plan& plan, Json& reason) {
  Json rows = Json::array();
  for (std::size_t at = 0; at < plan.hyperparameters.size(); ++at) {
    const HyperparameterRow& row = plan.hyperparameters[at];
    rows.push_back({{"law", row.law},
                    {"of", row.of},
                    {"value", number_json(fmt::format("hyperparameters[{}].value", at), row.value, row.note, reason)},
                    {"counts_parameters", row.counts},
                    {"note", row.note}});
  }
  return rows;
}

Json serving_json(const Plan& plan) {
  const std::optional<Serving>& serving = plan.chosen.answer.serving;
  if (!serving) return nullptr;
  return {{"inference_tokens", *plan.request.question.inference_tokens},
          {"training_flops", serving->training},
          {"inference_flops", serving->inference},
          {"total_flops", serving->total()},
          {"saved", serving->saved()},
          {"training_optimal",
           {{"parameters", serving->unserved.parameters}, {"tokens", serving->unserved.tokens}, {"total_flops", serving->unserved_total}}}};
}

Json limit_json(const Plan& plan) {
  if (!plan.request.question.tokens_available) return nullptr;
  const std::optional<DataLimit>& limit = plan.chosen.answer.limit;
  const Advice& plain = plan.chosen.answer.plain;
  return {{"tokens_available", *plan.request.question.tokens_available},
          {"binds", limit && limit->binds},
          {"epochs", limit ? limit->epochs : 1.0},
          {"without_limit", {{"parameters", plain.parameters->value}, {"tokens", plain.tokens->value}}}};
}

Json review_json(const Plan& plan, Json& reason) {
  if (!plan.review) return nullptr;
  const TrainingReview& review = *plan.review;
  const auto number = [&](const char* member, const std::optional<double>& value) {
    return number_json(fmt::format("undertrained.{}", member), value, reason_of(review.reason, member), reason);
  };
  return {{"parameters", review.given.parameters},
          {"tokens", review.given.tokens},
          {"flops", review.flops},
          {"loss", estimate_json("undertrained.loss", review.loss, review.reason, "loss", reason)},
          {"excess_loss", number("excess_loss", review.excess)},
          {"optimal_tokens", number("tokens_for_n", review.tokens_for_n)},
          {"tokens_ratio", number("tokens_ratio", review.tokens_ratio)},
          {"same_loss_flops", number("same_loss_flops", review.same_loss_flops)},
          {"verdict", review_sentence(review)}};
}

Json budget_json(const Plan& plan, Json& reason) {
  Json json{{"pfs_days", to_pfs_days(plan.budget).value}, {"device_hours", nullptr}};
  if (plan.request.rate) {
    const DeviceRate& rate = *plan.request.rate;
    json["device_hours"] = device_hours(plan.flops, rate);
    json["device"] = {{"id", rate.device},
                      {"dtype", choice_name(rate.dtype)},
                      {"mfu", rate.mfu},
                      {"peak_flops_per_second", rate.peak.value},
                      {"source", rate.peak_source}};
  } else {
    reason["budget.device_hours"] = "give --device and --mfu";
  }
  return json;
}

}  // namespace

std::string plan_json(const Plan& plan) {
  Json reason = Json::object();
  for (const auto& [key, text] : plan.reason) reason[key] = text;
  const Advice& advice = plan.chosen.answer.advice;
  Json json{{"schema", "ergon.plan.v1"}, {"budget_flops", to_decimal(plan.budget)}, {"budget", budget_json(plan, reason)}};
  json["law"] = plan.chosen.law.name;
  json["level"] = plan.request.question.level;
  json["optimal"] = optimum_json("optimal", advice, reason);
  json["tokens_per_parameter"] = advice.tokens->value / advice.parameters->value;
  json["by_law"] = Json::object();
  for (const PlanAnswer& given : plan.by_law) json["by_law"][given.law.name] = law_json(given, reason);
  json["agreement"] = plan.agreement;
  json["losses_comparable"] = "only between laws of one data set";
  json["extrapolation"] = {
      {"decades", number_json("extrapolation.decades", plan.chosen.decades, "the FLOPs behind this law are not known", reason)},
      {"sentence", plan.extrapolation}};
  json["frontier"] = frontier_json(plan, reason);
  json["architecture"] = architecture_json(plan);
  json["hyperparameters"] = hyperparameters_json(plan, reason);
  json["serving"] = serving_json(plan);
  if (json["serving"].is_null()) reason["serving"] = "give --inference-tokens";
  json["data_limit"] = limit_json(plan);
  if (json["data_limit"].is_null()) reason["data_limit"] = "give --tokens-available";
  json["undertrained"] = review_json(plan, reason);
  if (json["undertrained"].is_null()) reason["undertrained"] = "give --undertrained N D";
  json["meshes"] = Json::array();
  json["samples_note"] = plan.chosen.law.samples_note;
  json["traps"] = plan.chosen.law.traps;
  json["warnings"] = plan.warnings;
  json["reason"] = reason;
  return json.dump(2) + "\n";
}

}  // namespace ergon
