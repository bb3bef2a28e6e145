// SPDX-License-Identifier: Apache-2.0
#include "launch/signals.hpp"

#include <csignal>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("USR1, USR2 and TERM ask for a requeue, INT for a stop, the larger wins") {
  install_signal_handlers();
  for (const int signal : {SIGUSR1, SIGUSR2, SIGTERM}) {
    clear_pending_stop();
    CHECK(pending_stop() == StopRequest::none);
    std::raise(signal);
    CHECK(pending_stop() == StopRequest::requeue);
  }
  std::raise(SIGINT);
  CHECK(pending_stop() == StopRequest::stop);
  std::raise(SIGTERM);
  CHECK(pending_stop() == StopRequest::stop);
}

TEST_CASE("after one INT the next has its default effect") {
  install_signal_handlers();
  std::raise(SIGINT);
  struct sigaction now = {};
  sigaction(SIGINT, nullptr, &now);
  CHECK(now.sa_handler == SIG_DFL);
  install_signal_handlers();
}
