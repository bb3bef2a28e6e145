// SPDX-License-Identifier: Apache-2.0
// The sum of the losses of microbatches over dp x cp in the deterministic mode: one after another, in order of the global microbatch and,
// within one, of the cp coordinate, so that its bits do not depend on dp.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "parallel/communicator.hpp"

namespace ergon {

struct Communicators;

// The ranks of dp x cp by (dp, cp) coordinate: the order of their microbatches and, within one, of their parts of the sequence.
std::vector<int> microbatch_order(const Communicators& communicators);

class OrderedLoss {
 public:
  // microbatches: of this rank. `group` is dp x cp, for host tensors, and outlives this.
  OrderedLoss(std::int64_t microbatches, const std::vector<int>& order, Communicator& group);

  void add(double loss);  // of this rank's next microbatch
  double total();         // collective; the next add is that of the first microbatch again

 private:
  Communicator& group_;
  std::int64_t place_;  // of this rank in order
  std::int64_t next_ = 0;
  at::Tensor losses_;  // by global microbatch, then by cp coordinate
};

}  // namespace ergon
