// SPDX-License-Identifier: Apache-2.0
// Waits for other ranks without taking the processor from those that measure.
#pragma once

#include <chrono>
#include <thread>

#include "parallel/communicator.hpp"

namespace ergon {

inline void wait_asleep(Work work) {
  while (!work.query()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace ergon
