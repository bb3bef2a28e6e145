// SPDX-License-Identifier: Apache-2.0
// What `ergon flops` prints: a model's parameters and the FLOPs of training it on so many tokens, by convention.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "accounting/conventions.hpp"
#include "accounting/parameters.hpp"

namespace ergon {

struct ConventionFigures {
  std::string id, definition;
  std::string per_token;  // FLOPs, exact or six digits after the point
  Flops total;
};

struct FlopsReport {
  std::string title;
  std::optional<ParameterCounts> parameters;  // empty: only their number is known
  Flops total_parameters;                     // a count, exact beyond 64 bits
  Flops tokens;                               // a count, exact beyond 64 bits
  std::vector<ConventionFigures> conventions;
};

// A model of which the shape is known, trained on `tokens` in sequences of `length`.
FlopsReport flops_of_shape(const std::string& title, const ModelShape& shape, std::int64_t length, Tokens tokens);
// A model of which only the number of parameters is known: 6 N D.
FlopsReport flops_of_counts(Flops parameters, Flops tokens);

std::string flops_text(const FlopsReport& report);
std::string flops_json(const FlopsReport& report);  // schema ergon.flops.v1

}  // namespace ergon
