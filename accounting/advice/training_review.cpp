// SPDX-License-Identifier: Apache-2.0
#include "accounting/advice/training_review.hpp"

#include <fmt/format.h>

#include "configs/error.hpp"

namespace ergon {

TrainingReview review_training(const ScalingLaw& law, Allocation given, double level) {
  ERGON_CHECK(given.parameters > 0 && given.tokens > 0, "a model of {} parameters and {} tokens", given.parameters, given.tokens);
  TrainingReview review;
  review.given = given;
  review.flops = 6 * given.parameters * given.tokens;
  review.optimal = advise(law, review.flops, level);
  const Advice for_n = advise_for_parameters(law, given.parameters, level);
  if (for_n.tokens) {
    review.tokens_for_n = for_n.tokens->value;
    review.tokens_ratio = given.tokens / for_n.tokens->value;
  } else {
    review.reason["tokens_for_n"] = review.reason["tokens_ratio"] = for_n.reason.at("tokens");
  }
  // Kaplan's joint law and frontier are of different kinds of training: their difference would say nothing.
  if (!law.loss_law) {
    const std::string why = fmt::format("{} has no loss of N and D that its optimum minimises", law.name);
    for (const char* member : {"loss", "excess_loss", "same_loss_flops"}) review.reason[member] = why;
    return review;
  }
  const LossAdvice predicted = predict_loss(law, given, std::nullopt, level);
  review.loss = predicted.loss;
  if (!predicted.loss->interval) review.reason["interval"] = predicted.reason.at("interval");
  review.excess = review.loss->value - loss(*law.loss_law, optimal(*law.loss_law, review.flops));
  review.same_loss_flops = flops_for_loss(*law.loss_law, review.loss->value);
  return review;
}

std::string review_sentence(const TrainingReview& review) {
  if (!review.tokens_ratio) return review.reason.at("tokens_ratio");
  constexpr double near = 0.1;
  const double ratio = *review.tokens_ratio;
  const std::string share =
      fmt::format("{:.3g} x the tokens that {:.4g} parameters are compute-optimal for", ratio, review.given.parameters);
  if (ratio < 1 - near) return "undertrained: " + share;
  if (ratio > 1 + near) return "overtrained, which pays where the model is used a lot (--inference-tokens): " + share;
  return "about compute-optimal: " + share;
}

}  // namespace ergon
