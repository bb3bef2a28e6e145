// SPDX-License-Identifier: Apache-2.0
// The watchdog of a process: its messages go over MPI and to stderr, and it ends the process with code 5.
#pragma once

#include <memory>

#include "configs/run_config.hpp"
#include "parallel/watchdog.hpp"

namespace ergon {

// Collective over the world, whose operations are recorded from now on. Null for one rank, which waits for nobody.
std::unique_ptr<Watchdog> start_watchdog(Communicator& world);

// Called in a handler: what was thrown is this rank's alone. Says it, ends the other ranks with its code, and this process. Returns when
// there is no watchdog.
void end_together(Watchdog* watchdog);

WatchdogLimits limits_of(const WatchdogSection& section);

}  // namespace ergon
