// SPDX-License-Identifier: Apache-2.0
#include "launch/signals.hpp"

#include <csignal>

namespace ergon {
namespace {

// A handler may touch nothing else (POSIX); the only object of this file with static storage.
volatile std::sig_atomic_t pending = 0;

extern "C" void remember(int signal) {
  const auto request = static_cast<std::sig_atomic_t>(signal == SIGINT ? StopRequest::stop : StopRequest::requeue);
  if (request > pending) pending = request;
}

void handle(int signal, int flags) {
  struct sigaction action = {};
  action.sa_handler = remember;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

}  // namespace

void install_signal_handlers() {
  for (const int signal : {SIGUSR1, SIGUSR2, SIGTERM}) handle(signal, SA_RESTART);
  handle(SIGINT, SA_RESTART | SA_RESETHAND);
}

StopRequest pending_stop() { return static_cast<StopRequest>(pending); }
void clear_pending_stop() { pending = 0; }

}  // namespace ergon
