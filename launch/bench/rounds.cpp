// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/rounds.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace ergon {
namespace {

std::vector<double> by_round(const at::Tensor& of_rounds) {
  const at::Tensor values = of_rounds.contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

}  // namespace

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

RoundFigures::RoundFigures(Communicator& world, const std::vector<TimedCase>& cases, std::int64_t figures, std::int64_t rounds) {
  const auto num_cases = static_cast<std::int64_t>(cases.size());
  const at::Tensor mine = at::empty({rounds, num_cases, figures}, at::kDouble);
  for (std::int64_t round = -1; round < rounds; ++round)
    for (std::int64_t i = 0; i < num_cases; ++i) {
      world.barrier().wait();
      double* to = mine.data_ptr<double>() + (std::max<std::int64_t>(round, 0) * num_cases + i) * figures;
      cases[static_cast<std::size_t>(i)]({to, static_cast<std::size_t>(figures)});
    }
  values_ = at::empty({world.size(), rounds, num_cases, figures}, at::kDouble);
  world.all_gather(values_, mine).wait();
}

double RoundFigures::slowest(std::size_t of_case, std::int64_t figure) const {
  return median(by_round(values_.select(2, static_cast<std::int64_t>(of_case)).select(2, figure).amax(0)));
}

double RoundFigures::mean(std::size_t of_case, std::int64_t figure) const {
  return median(by_round(values_.select(2, static_cast<std::int64_t>(of_case)).select(2, figure).mean(0)));
}

}  // namespace ergon
