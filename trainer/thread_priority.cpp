// SPDX-License-Identifier: Apache-2.0
#include "trainer/thread_priority.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace ergon {

void yield_to_computing() {
  constexpr int lowest = 19;
  const auto thread = static_cast<id_t>(::gettid());  // Linux keeps a niceness a thread
  (void)::setpriority(PRIO_PROCESS, thread, std::min(lowest, ::getpriority(PRIO_PROCESS, thread) + background_niceness));
}

}  // namespace ergon
