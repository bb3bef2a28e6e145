// SPDX-License-Identifier: Apache-2.0
#include "launch/child_process.hpp"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "configs/error.hpp"

extern char** environ;

namespace ergon {
namespace {

std::string read_all(int descriptor) {
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = ::read(descriptor, buffer, sizeof(buffer))) != 0;) {
    if (n > 0)
      text.append(buffer, static_cast<std::size_t>(n));
    else if (errno != EINTR)
      break;
  }
  return text;
}

}  // namespace

std::string output_of(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  int ends[2];
  if (pipe(ends) != 0)
    throw Error(fmt::format("no pipe: {}", std::strerror(errno)), arguments.front(), "close programs that hold many files");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addclose(&actions, ends[1]);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  const std::string text = failed == 0 ? read_all(ends[0]) : "";
  ::close(ends[0]);
  if (failed != 0)
    throw Error(fmt::format("cannot be started: {}", std::strerror(failed)), arguments.front(), "check the path and that it is executable");

  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw Error(WIFEXITED(status) ? fmt::format("exited with {}", WEXITSTATUS(status)) : fmt::format("died of signal {}", WTERMSIG(status)),
                arguments.front(), "its own message stands above");
  return text;
}

}  // namespace ergon
