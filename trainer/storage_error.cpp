// SPDX-License-Identifier: Apache-2.0
#include "trainer/storage_error.hpp"

#include <cerrno>
#include <cstring>

namespace ergon {
namespace {

// What a person can do; every code that a path, a disk or a limit can cause has its line.
const char* way_out(int code) {
  switch (code) {
    case ENOSPC:
      return "free some space on this disk, or choose a path on another one";
    case EDQUOT:
      return "your quota on this disk is used up: delete files of yours, or choose a path on another one";
    case EROFS:
      return "this disk is mounted read-only: choose a path on another one";
    case EACCES:
    case EPERM:
      return "this user may not do that there: check owner and permissions of the path and of the folders above it";
    case ENOENT:
      return "check the path: a part of it does not exist, or was moved or deleted meanwhile";
    case ENOTDIR:
      return "check the path: a part of it should be a folder and is not";
    case EISDIR:
      return "check the path: it names a folder";
    case EEXIST:
    case ENOTEMPTY:
      return "something stands there already: move it away, or choose another path";
    case ENAMETOOLONG:
      return "choose a shorter path: a name has at most 255 bytes, a whole path 4095";
    case EFBIG:
      return "the file size limit of this process is too low (ulimit -f)";
    case ELOOP:
      return "a symbolic link is refused here: put the file itself in its place";
    case EMFILE:
    case ENFILE:
      return "too many files are open: raise the limit (ulimit -n)";
    case EIO:
    case ESTALE:
      return "the disk or its server failed: see the system's log, and run again once it is mended";
    default:
      return "";
  }
}

}  // namespace

void fail_call(const char* call, const std::string& path, int code) {
  fail_inside(fmt::format("{} failed: {}", call, std::strerror(code)), path, code);
}

void fail_inside(const std::string& problem, const std::string& path, int code) {
  throw CallError(Error(problem, path, way_out(code), ExitCode::data), code);
}

}  // namespace ergon
