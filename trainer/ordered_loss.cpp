// SPDX-License-Identifier: Apache-2.0
#include "trainer/ordered_loss.hpp"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <numeric>

#include "configs/error.hpp"
#include "parallel/communicators.hpp"

namespace ergon {

std::vector<int> microbatch_order(const Communicators& communicators) {
  const Communicator& group = *communicators.host_dp_cp;
  std::vector<int> order(static_cast<std::size_t>(group.size()));
  std::iota(order.begin(), order.end(), 0);
  const auto place = [&](int rank) {
    const int world = group.members()[static_cast<std::size_t>(rank)];
    return std::pair(communicators.mesh.coordinate(world, Axis::dp), communicators.mesh.coordinate(world, Axis::cp));
  };
  std::sort(order.begin(), order.end(), [&](int a, int b) { return place(a) < place(b); });
  return order;
}

OrderedLoss::OrderedLoss(std::int64_t microbatches, const std::vector<int>& order, Communicator& group)
    : group_(group),
      place_(std::find(order.begin(), order.end(), group.rank()) - order.begin()),
      losses_(at::zeros({microbatches * group.size()}, at::kDouble)) {
  ERGON_CHECK(std::ssize(order) == group.size() && place_ < group.size(), "rank {} is not in the order of its group", group.rank());
}

void OrderedLoss::add(double loss) {
  ERGON_CHECK(next_ < losses_.numel() / group_.size(), "microbatch {} of {}", next_, losses_.numel() / group_.size());
  losses_.data_ptr<double>()[next_++ * group_.size() + place_] = loss;
}

double OrderedLoss::total() {
  group_.all_reduce(losses_).wait();  // each is on one rank, zero on the others: no rounding
  double* losses = losses_.data_ptr<double>();
  const double total = std::accumulate(losses, losses + losses_.numel(), 0.0);
  std::fill_n(losses, losses_.numel(), 0.0);
  next_ = 0;
  return total;
}

}  // namespace ergon
