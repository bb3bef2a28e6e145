// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/mixture.hpp"

#include <algorithm>
#include <numeric>

#include "configs/error.hpp"

namespace ergon {
namespace {

std::int64_t sum(std::span<const std::int64_t> numbers) { return std::accumulate(numbers.begin(), numbers.end(), std::int64_t{0}); }

}  // namespace

Mixture::Mixture(std::vector<std::int64_t> weights, std::vector<std::int64_t> credits)
    : weights_(std::move(weights)), credits_(std::move(credits)), total_(sum(weights_)) {
  if (credits_.empty()) credits_.resize(weights_.size());
  ERGON_CHECK(possible(weights_, credits_), "credits of another mixture, or weights of none");
}

int Mixture::next() {
  for (std::size_t i = 0; i < weights_.size(); ++i) credits_[i] += weights_[i];
  const auto chosen = std::ranges::max_element(credits_);  // the first of equals
  *chosen -= total_;
  return static_cast<int>(chosen - credits_.begin());
}

void Mixture::advance(std::int64_t count, std::span<std::int64_t> given) {
  ERGON_CHECK(count >= 0 && given.size() == weights_.size(), "{} samples of {} sources", count, given.size());
  for (std::size_t i = 0; i < weights_.size(); ++i) given[i] += count / total_ * weights_[i];
  for (std::int64_t left = count % total_; left > 0; --left) ++given[static_cast<std::size_t>(next())];
}

bool Mixture::possible(std::span<const std::int64_t> weights, std::span<const std::int64_t> credits) {
  constexpr std::size_t most_sources = 1 << 20;
  if (weights.size() != credits.size() || weights.size() > most_sources) return false;
  if (std::ranges::any_of(weights, [](std::int64_t weight) { return weight < 0 || weight > largest_weight; })) return false;
  const std::int64_t total = sum(weights);
  if (total == 0) return false;
  // Above -W and with the sum 0, none is above (sources - 1) * W.
  const auto bounded = [&](std::int64_t credit) { return credit > -total && credit / std::ssize(weights) < total; };
  return std::ranges::all_of(credits, bounded) && sum(credits) == 0;
}

}  // namespace ergon
