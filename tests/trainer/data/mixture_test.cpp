// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/mixture.hpp"

#include <rapidcheck.h>

#include <numeric>

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

using Integers = std::vector<std::int64_t>;

// The rule as it is stated, from the counts alone.
int furthest_behind(const Integers& weights, const Integers& given) {
  const __int128 total = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
  const __int128 n = std::accumulate(given.begin(), given.end(), std::int64_t{0});
  int best = 0;
  const auto behind = [&](std::size_t i) { return weights[i] * (n + 1) - given[i] * total; };
  for (std::size_t i = 1; i < weights.size(); ++i)
    if (behind(i) > behind(static_cast<std::size_t>(best))) best = static_cast<int>(i);
  return best;
}

Integers some_weights(std::int64_t largest) {
  Integers weights = *rc::gen::resize(5, rc::gen::nonEmpty(rc::gen::container<Integers>(rc::gen::inRange<std::int64_t>(0, largest + 1))));
  if (std::accumulate(weights.begin(), weights.end(), std::int64_t{0}) == 0) weights.front() = 1;
  return weights;
}

}  // namespace

TEST_CASE("weights 3 and 1 give 0 0 1 0, then again") {
  Mixture mixture({3, 1});
  for (int round = 0; round < 3; ++round)
    for (const int expected : {0, 0, 1, 0}) CHECK(mixture.next() == expected);
  CHECK(mixture.credits() == Integers{0, 0});
}

TEST_CASE("the next source is the one furthest behind, whatever the weights up to 2^31") {
  CHECK(rc::check([] {
    const Integers weights = some_weights(*rc::gen::element<std::int64_t>(3, 100, Mixture::largest_weight));
    Mixture mixture(weights);
    Integers given(weights.size());
    const __int128 total = mixture.total();
    for (std::int64_t n = 1; n <= 300; ++n) {
      const int expected = furthest_behind(weights, given);
      RC_ASSERT(mixture.next() == expected);
      ++given[static_cast<std::size_t>(expected)];
      for (std::size_t i = 0; i < weights.size(); ++i) {
        RC_ASSERT(mixture.credits()[i] == static_cast<std::int64_t>(n * weights[i] - given[i] * total));
        RC_ASSERT(given[i] * total < n * weights[i] + total);  // never a whole sample ahead
      }
    }
  }));
}

TEST_CASE("advancing equals as many calls, and a mixture goes on from its credits") {
  CHECK(rc::check([] {
    const Integers weights = some_weights(20);
    Mixture walked(weights), advanced(weights);
    Integers given(weights.size()), expected(weights.size());
    for (const std::int64_t count : *rc::gen::container<Integers>(rc::gen::inRange<std::int64_t>(0, 500))) {
      for (std::int64_t i = 0; i < count; ++i) ++expected[static_cast<std::size_t>(walked.next())];
      advanced = Mixture(weights, advanced.credits());
      advanced.advance(count, given);
      RC_ASSERT(given == expected);
      RC_ASSERT(advanced.credits() == walked.credits());
    }
  }));
  // 2^62 samples at once.
  Mixture mixture({1, 2});
  Integers given(2);
  mixture.advance(std::int64_t{1} << 62, given);
  CHECK(given == Integers{1537228672809129301, 3074457345618258603});
}

TEST_CASE("credits that no walk can reach are told from others") {
  CHECK(Mixture::possible(Integers{3, 1}, Integers{-1, 1}));
  CHECK_FALSE(Mixture::possible(Integers{3, 1}, Integers{0}));
  CHECK_FALSE(Mixture::possible(Integers{3, 1}, Integers{1, 1}));
  CHECK_FALSE(Mixture::possible(Integers{3, 1}, Integers{-4, 4}));
  CHECK_FALSE(Mixture::possible(Integers{3, -1}, Integers{0, 0}));
  CHECK_FALSE(Mixture::possible(Integers{0, 0}, Integers{0, 0}));
  CHECK_FALSE(Mixture::possible(Integers{(std::int64_t{1} << 31) + 1, 0}, Integers{0, 0}));
}
