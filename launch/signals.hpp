// SPDX-License-Identifier: Apache-2.0
// Signals as the launcher sends them: USR1, USR2 and TERM ask for a save and a requeue (85), INT for a save and a stop (86); a second INT
// ends the process at once. The handlers only set a flag; install them before MPI_Init, so that its threads inherit them.
#pragma once

#include "trainer/stop.hpp"

namespace ergon {

void install_signal_handlers();
StopRequest pending_stop();
void clear_pending_stop();  // for tests

}  // namespace ergon
