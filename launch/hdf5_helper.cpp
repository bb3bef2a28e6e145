// SPDX-License-Identifier: Apache-2.0
#include "launch/hdf5_helper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <utility>

#include "configs/clock.hpp"
#include "configs/error.hpp"

extern char** environ;

namespace ergon {
namespace {

constexpr int file_descriptor = 3;  // of the file, in the helper

[[noreturn]] void refuse_file(const std::string& what, const std::string& path) {
  throw Error(what, path, "the file is damaged or hostile: use another copy, or make it again", ExitCode::data);
}

// The reading end of a pipe and the child that writes to the other; both are gone when this is.
class Helper {
 public:
  Helper(const std::string& program, int file, const std::vector<std::string>& names);
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait();
    }
    ::close(answer_);
  }

  // What it printed until it closed its output. Throws Error for one that takes too long or says too much.
  std::string read(const HelperLimits& limits, const std::string& path);
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
  int answer_ = -1;
};

Helper::Helper(const std::string& program, int file, const std::vector<std::string>& names) {
  std::vector<std::string> words = {"ergon", "h5-layout", fmt::format("/proc/self/fd/{}", file_descriptor)};
  for (const std::string& name : names) words.push_back("--names=" + name);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  std::array<int, 2> ends;
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw Error(fmt::format("no pipe: {}", std::strerror(errno)), program, "close programs that hold many files", ExitCode::world);
  // The descriptors move out of the way of the numbers that the helper has them under.
  const int moved = ::fcntl(file, F_DUPFD_CLOEXEC, 10), output = ::fcntl(ends[1], F_DUPFD_CLOEXEC, 10);
  ::close(ends[1]);
  answer_ = ends[0];
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, moved, file_descriptor);
  const int failed = ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(moved);
  ::close(output);
  if (failed == 0) return;
  ::close(answer_);
  throw Error(fmt::format("the helper that looks into HDF5 files cannot be started: {}", std::strerror(failed)), program,
              "check that the program is there and executable, and the limit of processes (ulimit -u)", ExitCode::world);
}

std::string Helper::read(const HelperLimits& limits, const std::string& path) {
  const Clock::time_point deadline = deadline_after(limits.wall);
  std::string text;
  std::vector<char> buffer(1 << 16);
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd ready{answer_, POLLIN, 0};
    if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) == 0)
      refuse_file(fmt::format("HDF5 did not get through this file within {:g} s", limits.wall.value), path);
    const ssize_t count = ::read(answer_, buffer.data(), buffer.size());
    if (count == 0) return text;
    if (count < 0 && errno != EINTR) refuse_file(fmt::format("the answer of the helper broke off: {}", std::strerror(errno)), path);
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
    if (std::ssize(text) > limits.answer.value)
      refuse_file(fmt::format("describes itself in more than {} bytes", limits.answer.value), path);
  }
}

Hdf5Contents ask(const HelperLimits& limits, int file, const std::string& path, const std::vector<std::string>& names) {
  Helper helper(limits.program, file, names);
  const std::string text = helper.read(limits, path);
  const int status = helper.wait();
  if (WIFSIGNALED(status)) refuse_file(fmt::format("HDF5 crashed over this file (signal {})", WTERMSIG(status)), path);
  const int code = WEXITSTATUS(status);
  if (code != static_cast<int>(ExitCode::ok) && code != static_cast<int>(ExitCode::data))
    refuse_file(fmt::format("HDF5 failed over this file (the helper ended with {})", code), path);
  return parse_hdf5_contents(text, path);
}

}  // namespace

std::string hdf5_helper_program() {
  const char* self = "/proc/self/exe";
  std::error_code none;
  const std::string beside = std::filesystem::read_symlink(self, none).parent_path() / "ergon-h5-layout";
  return none || ::access(beside.c_str(), X_OK) != 0 ? self : beside;
}

InspectHdf5 hdf5_helper(HelperLimits limits) {
  return [limits = std::move(limits)](int descriptor, const std::string& path, const std::vector<std::string>& names) {
    return ask(limits, descriptor, path, names);
  };
}

}  // namespace ergon
