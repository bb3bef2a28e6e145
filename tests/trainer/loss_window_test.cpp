// SPDX-License-Identifier: Apache-2.0
#include "trainer/loss_window.hpp"

#include <cmath>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a loss leaps when it lies so many deviations above the mean of a full window") {
  LossWindow window(5, 4);
  for (const double loss : {2.0, 2.2, 1.8}) window.add(loss);
  CHECK_FALSE(window.leaps(100));
  window.add(2.0);
  CHECK_FALSE(window.leaps(2.70));
  CHECK(window.leaps(2.71));
  CHECK_FALSE(window.leaps(-100));
}

TEST_CASE("a full window moves on, also over a leap, and keeps nothing that is not finite") {
  LossWindow window(2, 3);
  for (const double loss : std::initializer_list<double>{1.0, NAN, 2.0, INFINITY, 3.0, 40.0}) window.add(loss);
  CHECK(window.losses() == std::vector<double>{2, 3, 40});
  CHECK_FALSE(window.leaps(41));
}

TEST_CASE("a window without a spike judges nothing and keeps nothing") {
  LossWindow window(0, 2);
  for (int i = 0; i < 5; ++i) window.add(1);
  CHECK(window.losses().empty());
  CHECK_FALSE(window.leaps(1000));
}

TEST_CASE("a restored window goes on as the one that was kept, the newest where it has become shorter") {
  LossWindow window(5, 4), shorter(5, 2);
  window.restore({1, 2, 3, 4});
  CHECK(window.losses() == std::vector<double>{1, 2, 3, 4});
  shorter.restore({1, 2, 3, 4});
  CHECK(shorter.losses() == std::vector<double>{3, 4});
}
