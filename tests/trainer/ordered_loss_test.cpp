// SPDX-License-Identifier: Apache-2.0
#include "trainer/ordered_loss.hpp"

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"
#include "parallel/communicators.hpp"
#include "tests/trainer/tiny_run.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

// Magnitudes that differ, so that the sum depends on its order.
double loss(std::int64_t k) { return (k % 3 == 0 ? 1e9 : 1e-3) / static_cast<double>(7 + k); }

double in_order() {
  double sum = 0;
  for (std::int64_t k = 0; k < 8; ++k) sum += loss(k);
  return sum;
}

}  // namespace

TEST_CASE("ordered_loss: one sum, in order of the microbatches, on any number of ranks, step after step") {
  for (const int dp : {1, 2, 4, 8})
    run_local_ranks(dp, [&](std::unique_ptr<Communicator> group) {
      std::vector<int> order;
      for (int rank = 0; rank < dp; ++rank) order.push_back(rank);
      OrderedLoss sum(8 / dp, order, *group);
      for (int step = 0; step < 2; ++step) {
        for (std::int64_t a = 0; a < 8 / dp; ++a) sum.add(loss(a * dp + group->rank()));
        if (sum.total() != in_order()) throw std::runtime_error(fmt::format("another sum on {} ranks", dp));
      }
    });
}

TEST_CASE("ordered_loss: ranks follow by dp coordinate, then by cp coordinate, whatever the order of the mesh") {
  for (const char* axes : {"tp-cp-dp-pp", "dp-cp-tp-pp"})
    run_local_ranks(8, [&](std::unique_ptr<Communicator> world) {
      const Communicators communicators(Mesh({.dp = 2, .cp = 2, .tp = 2}, axes), std::move(world));
      std::vector<std::pair<int, int>> places;
      for (const int rank : microbatch_order(communicators)) {
        const int of_world = communicators.host_dp_cp->members()[static_cast<std::size_t>(rank)];
        places.emplace_back(communicators.mesh.coordinate(of_world, Axis::dp), communicators.mesh.coordinate(of_world, Axis::cp));
      }
      if (places != std::vector<std::pair<int, int>>{{0, 0}, {0, 1}, {1, 0}, {1, 1}}) throw std::runtime_error(axes);
    });
}

TEST_CASE("ordered_loss: more microbatches than there are is a bug") {
  auto group = make_local_group(1);
  OrderedLoss sum(1, {0}, *group[0]);
  sum.add(1);
  CHECK_THROWS_AS(sum.add(1), Bug);
  CHECK_THROWS_AS(OrderedLoss(1, {}, *group[0]), Bug);
}
