// SPDX-License-Identifier: Apache-2.0
#include "accounting/advice/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "accounting/conventions.hpp"
#include "accounting/scaling/law_file.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr const char* limited_law = "muennighoff";

std::string law_name(const PlanRequest& request) {
  if (!request.law.empty()) return request.law;
  return request.question.tokens_available ? limited_law : default_law;
}

PlanAnswer ask(const ScalingLaw& law, const PlanQuestion& question) {
  PlanAnswer given{law, answer(law, question), std::nullopt};
  if (given.answer.plain.flops) given.decades = decades_beyond(law, given.answer.plain.flops->value);
  return given;
}

void require_answer(const PlanAnswer& chosen) {
  const Advice& advice = chosen.answer.advice;
  if (advice.parameters && advice.tokens) return;
  const auto why = advice.reason.find("parameters");
  throw Error(why != advice.reason.end() ? why->second : fmt::format("{} gives no optimum", chosen.law.name), "--law",
              "take another law (`ergon law list`): besiroglu answers every question but repeated tokens, muennighoff those too");
}

std::string where_the_data_ends(const ScalingLaw& law, double flops, std::optional<double> decades) {
  if (!decades) return fmt::format("The FLOPs behind {} are not known: nobody can say whether this extrapolates.", law.name);
  const Bounds data = *flops_of_data(law);
  if (*decades == 0) return fmt::format("{:.3g} FLOPs lie within the data of {} ({:.3g} to {:.3g}).", flops, law.name, data.low, data.high);
  return fmt::format("This extrapolates: {:.3g} FLOPs lie {:.1f} decades {} the data of {} ({:.3g} to {:.3g}).", flops, std::abs(*decades),
                     *decades > 0 ? "above" : "below", law.name, data.low, data.high);
}

void judge_extrapolation(Plan& plan) {
  const std::optional<double> decades = plan.chosen.decades;
  plan.extrapolation = where_the_data_ends(plan.chosen.law, plan.flops, decades);
  if (decades && std::abs(*decades) <= warned_decades) return;
  if (decades && std::abs(*decades) > refused_decades && plan.request.extrapolation != Extrapolation::allowed) {
    std::string problem = plan.extrapolation;
    problem.pop_back();  // the full stop
    throw Error(problem, "--budget", "--extrapolate gives the figures all the same; they are then a guess");
  }
  plan.warnings.push_back(plan.extrapolation);
}

// What the laws that give an N* say, in a sentence.
std::string compare(const std::vector<PlanAnswer>& answers) {
  const PlanAnswer* least = nullptr;
  const PlanAnswer* most = nullptr;
  std::size_t count = 0;
  const auto parameters = [](const PlanAnswer& answer) { return answer.answer.advice.parameters->value; };
  const auto ratio = [](const PlanAnswer& answer) { return answer.answer.advice.tokens->value / answer.answer.advice.parameters->value; };
  for (const PlanAnswer& given : answers) {
    if (!given.answer.advice.parameters || !given.answer.advice.tokens) continue;
    ++count;
    if (least == nullptr || ratio(given) > ratio(*least)) least = &given;
    if (most == nullptr || ratio(given) < ratio(*most)) most = &given;
  }
  if (count < 2) return "No other law answers this question, so nothing stands beside it.";
  const double factor = ratio(*least) / ratio(*most);
  const char* verdict = factor < 2 ? "agree closely" : factor < 5 ? "differ" : "disagree widely";
  return fmt::format("{} laws {}: from {:.3g} tokens a parameter ({}, N {:.3g}) to {:.3g} ({}, N {:.3g}), a factor of {:.2g}.", count,
                     verdict, ratio(*most), most->law.name, parameters(*most), ratio(*least), least->law.name, parameters(*least), factor);
}

std::vector<PlanAnswer> ask_all(const PlanAnswer& chosen, const PlanRequest& request, double flops) {
  std::vector<PlanAnswer> answers{chosen};
  PlanQuestion question = request.question;
  // A loss on one data set is none on another: the other laws get the FLOPs.
  if (question.goal == PlanGoal::loss) {
    question.goal = PlanGoal::budget;
    question.value = flops;
  }
  for (const ScalingLaw& law : published_laws())
    if (law.name != chosen.law.name && (law.loss_law || law.allocation)) answers.push_back(ask(law, question));
  return answers;
}

double deviation(Flops flops, double planned) { return to_double(flops) / planned - 1; }

std::optional<PlannedArchitecture> plan_architecture(const Plan& plan, std::map<std::string, std::string>& reason) {
  ArchitectureRequest request = plan.request.architecture;
  request.as = count_as(plan.chosen.law.definitions.parameters);
  const Advice& advice = plan.chosen.answer.advice;
  const double parameters = advice.parameters->value, tokens = advice.tokens->value;
  const std::optional<ModelShape> shape = architecture_near(parameters, request);
  constexpr double most_tokens = 9e18;
  if (!shape || tokens > most_tokens) {
    reason["architecture"] = fmt::format(
        "no transformer by the rules of the advice comes within 20 % of {:.4g} {} parameters on {:.4g} tokens with a vocabulary of {}",
        parameters, count_name(request.as), tokens, request.fixed.vocabulary);
    return std::nullopt;
  }
  PlannedArchitecture planned{*shape, count_parameters(*shape), request.as, {std::max<std::int64_t>(1, std::llround(tokens))}, {}, {}, 0,
                              0};
  planned.six_n = training_flops(convention("6n"), *shape, shape->sequence, planned.tokens);
  planned.exact = training_flops(convention("exact"), *shape, shape->sequence, planned.tokens);
  planned.six_n_deviation = deviation(planned.six_n, 6 * parameters * tokens);
  planned.exact_deviation = deviation(planned.exact, 6 * parameters * tokens);
  return planned;
}

const char* option_of(PlanGoal goal) {
  if (goal == PlanGoal::parameters) return "--params";
  return goal == PlanGoal::loss ? "--loss" : "--undertrained";  // a budget itself is whole
}

Flops whole_flops(const PlanRequest& request, double flops) {
  if (request.budget) return *request.budget;
  constexpr double most = 1e38;
  if (!(flops >= 1 && flops < most))
    throw Error(fmt::format("this takes {:g} FLOPs", flops), option_of(request.question.goal),
                "ask for something between 1 and 1e38 FLOPs");
  return {static_cast<unsigned __int128>(std::round(flops))};
}

}  // namespace

double parameters_by_law(const std::string& law, const ModelShape& shape) {
  const LawDefinitions definitions = find_law(law.empty() ? default_law : law).definitions;
  return static_cast<double>(counted(count_parameters(shape), count_as(definitions.parameters)));
}

Plan make_plan(const PlanRequest& request) {
  Plan plan;
  plan.request = request;
  plan.chosen = ask(find_law(law_name(request)), request.question);
  require_answer(plan.chosen);
  plan.flops = plan.chosen.answer.plain.flops->value;
  plan.budget = whole_flops(request, plan.flops);
  judge_extrapolation(plan);
  if (request.law.empty() && request.question.tokens_available)
    plan.warnings.push_back(fmt::format("The law is {}: {} says nothing about repeated tokens.", limited_law, default_law));

  const Advice& advice = plan.chosen.answer.advice;
  plan.by_law = ask_all(plan.chosen, request, plan.flops);
  plan.agreement = compare(plan.by_law);
  // Inference holds the loss, so it has no frontier of its own: the one of training is shown.
  const Advice& centre = request.question.inference_tokens ? plan.chosen.answer.plain : advice;
  plan.frontier = frontier(plan.chosen.law, centre.parameters->value, plan.flops, request.question.tokens_available);
  plan.architecture = plan_architecture(plan, plan.reason);
  const Allocation at = {advice.parameters->value, advice.tokens->value};
  const std::optional<ParameterCounts> counts = plan.architecture ? std::optional(plan.architecture->counts) : std::nullopt;
  plan.hyperparameters = advise_hyperparameters(published_laws(), at, 6 * at.parameters * at.tokens, counts);
  if (request.existing) plan.review = review_training(plan.chosen.law, *request.existing, request.question.level);
  plan.reason["meshes"] = "this version plans no meshes";
  return plan;
}

}  // namespace ergon
