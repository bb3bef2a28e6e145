// SPDX-License-Identifier: Apache-2.0
#include "launch/child_process.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <utility>

#include "configs/clock.hpp"
#include "configs/error.hpp"

extern char** environ;

namespace ergon {
namespace {

// A started program and the end of the pipe that its stdout goes into. Whoever leaves early kills and reaps it.
class Child {
 public:
  explicit Child(const std::vector<std::string>& arguments) : program_(arguments.front()) {
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    int ends[2];
    if (pipe(ends) != 0) throw Error(fmt::format("no pipe: {}", std::strerror(errno)), program_, "close programs that hold many files");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    const int failed = posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
    if (failed == 0) return;
    ::close(output_);
    throw Error(fmt::format("cannot be started: {}", std::strerror(failed)), program_, "check the path and that it is executable");
  }
  ~Child() {
    ::close(output_);
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    reap();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Everything until the program closes its stdout; empty when `until` comes first.
  std::optional<std::string> read_all(std::optional<Clock::time_point> until) {
    std::string text;
    char buffer[4096];
    for (;;) {
      pollfd ready = {output_, POLLIN, 0};
      const auto left = until ? std::chrono::duration_cast<std::chrono::milliseconds>(*until - Clock::now()).count() : -1;
      if (until && left <= 0) return std::nullopt;
      if (poll(&ready, 1, static_cast<int>(left)) <= 0) continue;
      const ssize_t n = ::read(output_, buffer, sizeof(buffer));
      if (n == 0) return text;
      if (n > 0)
        text.append(buffer, static_cast<std::size_t>(n));
      else if (errno != EINTR)
        return text;
    }
  }

  // Waits for the end. Throws Error unless it is exit 0.
  void finish() {
    const int status = reap();
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    throw Error(WIFEXITED(status) ? fmt::format("exited with {}", WEXITSTATUS(status)) : fmt::format("died of signal {}", WTERMSIG(status)),
                program_, "its own message stands above");
  }

 private:
  int reap() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return status;
  }

  std::string program_;
  pid_t pid_ = 0;
  int output_ = -1;
};

}  // namespace

std::string own_path() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

std::string output_of(const std::vector<std::string>& arguments) {
  Child child(arguments);
  const std::optional<std::string> text = child.read_all(std::nullopt);
  child.finish();
  return *text;
}

std::optional<std::string> output_within(Seconds limit, const std::vector<std::string>& arguments) {
  try {
    Child child(arguments);
    std::optional<std::string> text = child.read_all(deadline_after(limit));
    if (text) child.finish();
    return text;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace ergon
