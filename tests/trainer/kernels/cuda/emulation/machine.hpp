// SPDX-License-Identifier: Apache-2.0
// A device in one OS thread: the threads of a block are fibers that run one after another, each up to its next barrier or shuffle. The
// order is fixed, so a run gives the same bits every time; a second order, backwards, gives other bits where a kernel forgot a barrier.
//
// Found and thrown as Fault: a thread that leaves, or waits elsewhere, while others wait at a barrier; a warp whose lanes do not all come
// to a shuffle; a write behind the dynamic shared memory that was asked for. Shared memory starts every block as not-a-number. Static
// shared arrays are bounds-checked by the compiler (CMakeLists.txt): an index outside ends the process.
//
// What it does not show: memory consistency between warps, bank conflicts, registers, time, and the rounding of a GPU's exp, log, cos.
#pragma once

#include <cstdint>
#include <stdexcept>

#include "tests/trainer/kernels/cuda/emulation/cuda_runtime.h"

namespace emulation {

class Fault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Order { forwards, backwards };
// The order in which threads of this OS thread's device run, for a scope.
class OrderScope {
 public:
  explicit OrderScope(Order order);
  ~OrderScope();
  OrderScope(const OrderScope&) = delete;
  OrderScope& operator=(const OrderScope&) = delete;

 private:
  Order before_;
};

// The call of the runtime that comes after `calls` others fails with this error.
void plan_error(cudaError_t error, int calls = 0);
std::int64_t live_allocations();
std::int64_t blocks_run();  // since the process began, on this OS thread

}  // namespace emulation
