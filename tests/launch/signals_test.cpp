// SPDX-License-Identifier: Apache-2.0
#include "launch/signals.hpp"

#include <barrier>
#include <csignal>
#include <thread>

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

TEST_CASE("signals that come together: the larger wins, whichever thread or handler they find") {
  constexpr int rounds = 2000;
  std::barrier<> both(2);
  std::thread requeues([&] {
    for (int round = 0; round < rounds; ++round) {
      both.arrive_and_wait();
      std::raise(SIGUSR1);
      both.arrive_and_wait();
    }
  });
  int lost = 0;
  for (int round = 0; round < rounds; ++round) {
    clear_pending_stop();
    install_signal_handlers();
    both.arrive_and_wait();
    std::raise(SIGINT);
    both.arrive_and_wait();
    if (pending_stop() != StopRequest::stop) ++lost;
  }
  requeues.join();
  CHECK(lost == 0);
}

TEST_CASE("after one INT the next has its default effect") {
  install_signal_handlers();
  std::raise(SIGINT);
  struct sigaction now = {};
  sigaction(SIGINT, nullptr, &now);
  CHECK(now.sa_handler == SIG_DFL);
  install_signal_handlers();
}
