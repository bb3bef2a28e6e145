// SPDX-License-Identifier: Apache-2.0
#include "parallel/neighbours.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/parallel/collective_cases.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("neighbours: a process runs, is stopped, is gone, and its number may be another's later") {
  const pid_t child = fork();
  if (child == 0)
    for (;;) pause();
  ProcessIdentity identity = this_process();
  CHECK(state_of(identity) == ProcessState::running);
  ProcessIdentity recycled = identity;
  ++recycled.start;
  CHECK(state_of(recycled) == ProcessState::gone);

  // The child's start time is read as its watcher would have: any other is another process.
  identity.pid = child;
  bool found = false;
  for (const std::int64_t first = identity.start; !found && identity.start < first + 3000; ++identity.start)
    if (state_of(identity) == ProcessState::running) {
      found = true;
      break;
    }
  REQUIRE(found);
  kill(child, SIGSTOP);
  int status = 0;
  waitpid(child, &status, WUNTRACED);
  CHECK(state_of(identity) == ProcessState::stopped);
  kill(child, SIGKILL);
  siginfo_t info = {};
  waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);  // a zombie: nobody has asked for its status
  CHECK(state_of(identity) == ProcessState::gone);
  waitpid(child, &status, 0);
  CHECK(state_of(identity) == ProcessState::gone);
}

TEST_CASE("neighbours: all ranks of a machine but this one") {
  CHECK(on_threads(3, [](Communicator& world, Failures& failures) {
          const Neighbours neighbours(world);
          std::vector<int> expected = {0, 1, 2};
          std::erase(expected, world.rank());
          failures.expect(neighbours.ranks() == expected, "the ranks of the machine");
          failures.expect(neighbours.state(expected[0]) == ProcessState::running, "the state of another");
          failures.expect(neighbours.state(world.rank()) == ProcessState::unknown, "its own state");
        }) == "");
}

}  // namespace ergon
