// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/strike.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon::test {

pid_t start(const std::function<void()>& work) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child > 0) return child;
  try {
    work();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "child: %s\n", error.what());
    ::_exit(1);
  }
  ::_exit(0);
}

bool was_killed(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  CHECK((killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0)));
  return killed;
}

bool strike(Deed deed, int at, const std::function<void(Storage&)>& work) {
  if (kills(deed))
    return was_killed(start([&] {
      FailingStorage storage(deed, at);
      work(storage);
    }));
  FailingStorage storage(deed, at);
  try {
    work(storage);
  } catch (const Error& error) {
    CHECK(error.problem().find("planted call failed") != std::string::npos);
  }
  return storage.calls() >= at;
}

}  // namespace ergon::test
