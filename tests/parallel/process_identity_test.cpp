// SPDX-License-Identifier: Apache-2.0
#include "parallel/process_identity.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

// A child's identity while it sleeps; it is killed, and waited for only when asked.
struct Child {
  Child() : pid(::fork()) {
    if (pid == 0) {
      ::pause();
      ::_exit(0);
    }
    identity = this_process();
    identity.pid = pid;
    // Field 22 of its stat, read by another program.
    const std::string command = "awk '{print $22}' /proc/" + std::to_string(pid) + "/stat";
    FILE* pipe = ::popen(command.c_str(), "r");
    long long start = 0;
    CHECK(std::fscanf(pipe, "%lld", &start) == 1);
    ::pclose(pipe);
    identity.start = start;
  }
  ~Child() {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  pid_t pid;
  ProcessIdentity identity;
};

}  // namespace

TEST_CASE("a process is itself, running, and on this machine") {
  const ProcessIdentity self = this_process();
  CHECK(self.pid == ::getpid());
  CHECK(self.start > 0);
  CHECK(self.boot.size() == 36);
  CHECK_FALSE(self.pid_namespace.empty());
  CHECK(self == this_process());
  CHECK_FALSE(is_gone(self));
  CHECK(to_text({"h1", "", "", 7, 0, "99"}) == "host h1, pid 7, job 99");
}

TEST_CASE("a stopped process is there; a killed one is gone before and after its parent has waited") {
  Child child;
  CHECK_FALSE(is_gone(child.identity));
  ::kill(child.pid, SIGSTOP);
  int status = 0;
  ::waitpid(child.pid, &status, WUNTRACED);
  CHECK_FALSE(is_gone(child.identity));
  ::kill(child.pid, SIGKILL);
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED | WNOWAIT);
  CHECK(is_gone(child.identity));
  ::waitpid(child.pid, nullptr, 0);
  CHECK(is_gone(child.identity));
}

TEST_CASE("a pid that another process has by now is gone; what cannot be seen from here is not") {
  ProcessIdentity other = this_process();
  other.start -= 1;
  CHECK(is_gone(other));
  ProcessIdentity elsewhere = other;
  elsewhere.boot[0] = elsewhere.boot[0] == '0' ? '1' : '0';
  CHECK_FALSE(is_gone(elsewhere));
  ProcessIdentity container = other;
  container.pid_namespace = "pid:[1]";
  CHECK_FALSE(is_gone(container));
}
