// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("an epoch holds every sample once, whatever their number") {
  for (std::int64_t samples : {1, 2, 3, 4, 5, 7, 16, 17, 255, 1000, 4097}) {
    const Sampler sampler(1, samples);
    for (std::int64_t epoch : {0, 1, 1'000'000'007}) {
      std::vector<int> seen(static_cast<std::size_t>(samples));
      for (std::int64_t i = 0; i < samples; ++i) ++seen.at(static_cast<std::size_t>(sampler.at(epoch, i)));
      CHECK(std::ranges::all_of(seen, [](int count) { return count == 1; }));
    }
  }
}

TEST_CASE("seed and epoch change the order, and ordinals run through the epochs") {
  const std::int64_t samples = 1000;
  const Sampler sampler(1, samples), other(2, samples);
  int same_epoch = 0, same_seed = 0;
  for (std::int64_t i = 0; i < samples; ++i) {
    same_epoch += sampler.at(0, i) == sampler.at(1, i);
    same_seed += sampler.at(0, i) == other.at(0, i);
    CHECK(sampler.at(2 * samples + i) == sampler.at(2, i));
  }

  // Of two independent permutations one place in a thousand agrees.
  CHECK(same_epoch < 10);
  CHECK(same_seed < 10);
}

TEST_CASE("places look independent: neighbours are uncorrelated, positions uniform") {
  const std::int64_t samples = 10'007;
  const Sampler sampler(3, samples);
  double correlation = 0, mean_displacement = 0;
  const double half = static_cast<double>(samples - 1) / 2, variance = static_cast<double>(samples) * static_cast<double>(samples) / 12;
  for (std::int64_t i = 0; i + 1 < samples; ++i) {
    const auto a = static_cast<double>(sampler.at(0, i)), b = static_cast<double>(sampler.at(0, i + 1));
    correlation += (a - half) * (b - half) / variance;
    mean_displacement += std::abs(a - static_cast<double>(i));
  }

  // Standard deviation of a correlation of n pairs is 1 / sqrt(n) = 0.01; the mean |difference| of two uniform numbers is a third.
  CHECK(std::abs(correlation / static_cast<double>(samples)) < 0.05);
  CHECK(mean_displacement / static_cast<double>(samples) / static_cast<double>(samples) == Approx(1.0 / 3).epsilon(0.03));
}

TEST_CASE("many ordinals at once are the samples at each of them, over the ends of epochs") {
  for (std::int64_t samples : {1, 2, 5, 16, 17, 1000}) {
    const Sampler sampler(5, samples, 77);
    for (std::int64_t count : {0, 1, 15, 16, 17, 100}) {
      std::vector<std::int64_t> ordinals, all(static_cast<std::size_t>(count), -1), one_by_one;
      for (std::int64_t i = 0; i < count; ++i) {
        ordinals.push_back(2 * samples + i * i % 40);
        one_by_one.push_back(sampler.at(ordinals.back()));
      }
      sampler.at(ordinals, all);
      CHECK(all == one_by_one);
    }
  }
}
