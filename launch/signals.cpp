// SPDX-License-Identifier: Apache-2.0
#include "launch/signals.hpp"

#include <atomic>
#include <csignal>

namespace ergon {
namespace {

// A handler may touch nothing else (POSIX); the only object of this file with static storage. Atomic, because one signal may come within
// the handler of another, and on another thread.
std::atomic<StopRequest> pending = StopRequest::none;
static_assert(std::atomic<StopRequest>::is_always_lock_free);

extern "C" void remember(int signal) {
  const StopRequest request = signal == SIGINT ? StopRequest::stop : StopRequest::requeue;
  StopRequest before = pending;
  while (before < request && !pending.compare_exchange_weak(before, request)) {
  }
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

StopRequest pending_stop() { return pending; }
void clear_pending_stop() { pending = StopRequest::none; }

}  // namespace ergon
