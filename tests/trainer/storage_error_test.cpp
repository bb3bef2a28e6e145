// SPDX-License-Identifier: Apache-2.0
#include "trainer/storage_error.hpp"

#include <cerrno>
#include <cstring>
#include <set>

#include "configs/error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "trainer/storage.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

template <typename Call>
std::string text_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    return error.what();
  }
  return "no error";
}

std::string failed(int code) {
  return text_of([&] { fail_call("mkdir", "/x", code); });
}

}  // namespace

TEST_CASE("a failed call says which, on what, why, and what to do") {
  CHECK(failed(ENOSPC) ==
        "/x: mkdir failed: No space left on device\n  hint: free some space on this disk, or choose a path on another one");
  CHECK(failed(EACCES).find("hint: this user may not do that there: check owner and permissions") != std::string::npos);
  CHECK(failed(EINVAL) == "/x: mkdir failed: Invalid argument");
  try {
    fail_call("pread", "/x", ESTALE);
  } catch (const CallError& error) {
    CHECK(error.number() == ESTALE);
  }
}

TEST_CASE("what a disk, a path or a limit can cause has a way out of its own") {
  std::set<std::string> hints;
  for (const int code : {ENOSPC, EDQUOT, EROFS, EACCES, ENOENT, ENOTDIR, EISDIR, EEXIST, ENAMETOOLONG, EFBIG, ELOOP, EMFILE, EIO}) {
    CAPTURE(std::strerror(code));
    const std::string text = failed(code);
    REQUIRE(text.find("\n  hint: ") != std::string::npos);
    CHECK(hints.insert(text.substr(text.find("hint: "))).second);
  }
}

TEST_CASE("calls of storage that really fail carry the way out") {
  const test::TemporaryFolder scratch;
  Storage storage;
  const auto hint = [&](auto call) {
    const std::string text = text_of(call);
    const std::size_t at = text.find("hint: ");
    return at == std::string::npos ? text : text.substr(at + 6);
  };
  CHECK_THAT(hint([&] { storage.open_read(scratch / "none"); }), Catch::StartsWith("check the path: a part of it does not exist"));
  CHECK_THAT(hint([&] { storage.make_directory(scratch / "none/below"); }),
             Catch::StartsWith("check the path: a part of it does not exist"));
  CHECK_THAT(hint([&] { storage.make_directories(scratch / std::string(300, 'x')); }), Catch::StartsWith("choose a shorter path"));
  CHECK_THAT(hint([&] { storage.append(storage.open_write("/dev/full"), "x"); }), Catch::StartsWith("free some space"));
  CHECK_THAT(hint([&] { storage.make_directory("/proc/none"); }), Catch::StartsWith("check the path"));
  storage.write_text(scratch / "file", "x");
  CHECK_THAT(hint([&] { storage.create(scratch / "file"); }), Catch::StartsWith("something stands there already"));
  CHECK_THAT(hint([&] { storage.make_directories(scratch / "file/below"); }),
             Catch::StartsWith("check the path: a part of it should be a folder"));
  CHECK_THAT(hint([&] { storage.open_write(scratch.path()); }), Catch::StartsWith("check the path: it names a folder"));
}
