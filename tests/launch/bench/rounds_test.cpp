// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/rounds.hpp"

#include <mutex>

#include "parallel/communicator_local.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("the median of an even count is the mean of the middle two") {
  CHECK(median({3, 1, 2}) == 2);
  CHECK(median({4, 1, 3, 2}) == 2.5);
}

TEST_CASE("rounds: cases take turns after one that is not counted, and every rank has the medians of the slowest and of the mean") {
  std::mutex mutex;
  std::vector<std::string> order;
  run_local_ranks(2, [&](std::unique_ptr<Communicator> world) {
    const int rank = world->rank();
    int goes = 0;
    const auto of = [&](const char* name, double base) {
      return [&, name, base](std::span<double> figures) {
        if (rank == 0) order.push_back(name);
        figures[0] = base + 10 * rank + goes++;
        figures[1] = rank;
      };
    };
    const RoundFigures figures(*world, {of("a", 100), of("b", 200)}, 2, 3);
    const std::lock_guard lock(mutex);
    // Goes 2, 4, 6 are those of the counted rounds of the first case.
    CHECK(figures.slowest(0, 0) == 100 + 10 + 4);
    CHECK(figures.mean(0, 0) == 100 + 5 + 4);
    CHECK(figures.slowest(1, 0) == 200 + 10 + 5);
    CHECK(figures.mean(1, 1) == 0.5);
  });
  CHECK(order == std::vector<std::string>{"a", "b", "a", "b", "a", "b", "a", "b"});
}
