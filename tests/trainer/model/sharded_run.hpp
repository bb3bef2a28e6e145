// SPDX-License-Identifier: Apache-2.0
// A step of two microbatches on a tensor group, compared by each of its ranks with the oracle on one rank: loss, every gradient (this
// rank's box, padding included) and next-token logits.
#pragma once

#include <cmath>
#include <map>
#include <memory>
#include <string>

#include "tests/trainer/oracle/fixture.hpp"

namespace ergon::oracle {

inline constexpr double loss_scale = 1.0 / 61.0;

struct Step {
  ModelShape shape;
  Parameters parameters;         // with their gradients of the step
  std::vector<Batch> batches{};  // valid labels differ; the last has none
  std::vector<double> losses{};
  at::Tensor next_logits_BV{};  // of the first batch's tokens, without dropout
};
Step reference_step(const ModelShape& shape, const Storage& storage = {}, std::int64_t seed = 1);

struct Errors {
  double loss = 0.0, gradients = 0.0, logits = 0.0, evaluation = 0.0;
  double worst() const;
};
// Collective over `world`, which becomes the tensor group.
Errors sharded_errors(const Step& step, std::unique_ptr<Communicator> world,
                      std::unique_ptr<LocalAttention> kernel = std::make_unique<PlainAttention>());

// The same in bfloat16 against exact mathematics on the same bfloat16 parameters: for each parameter the squared error of this rank's part
// of the gradient, and that of a computation that is exact but for rounding, once, what a bfloat16 run keeps (`rounded`).
struct SquaredError {
  double got = 0.0, allowed = 0.0;
  double ratio() const { return std::sqrt(got / allowed); }
};
using SquaredErrors = std::map<std::string, SquaredError>;
void add_bfloat16_errors(SquaredErrors& sum, const Step& exact, const Step& rounded, std::unique_ptr<Communicator> world);

}  // namespace ergon::oracle
