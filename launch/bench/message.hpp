// SPDX-License-Identifier: Apache-2.0
// A collective with its tensors, started again and again.
#pragma once

#include "parallel/communicator.hpp"

namespace ergon {

class BenchMessage {
 public:
  // About a tensor of so many bytes: the whole of an all_reduce, what all ranks give an all_gather or a reduce_scatter, what one rank gives
  // an all_to_all or sends on in a ring. Rounded up to a float for each rank.
  BenchMessage(Communicator& world, Collective operation, std::int64_t bytes);

  Work start();
  Seconds time();       // from start to the end of its wait
  std::int64_t sent();  // bytes of all ranks together: collective

 private:
  Communicator& world_;
  Collective operation_;
  at::Tensor input_, output_;
};

}  // namespace ergon
