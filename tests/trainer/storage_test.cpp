// SPDX-License-Identifier: Apache-2.0
#include "trainer/storage.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "configs/error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "trainer/storage_link.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using ergon::test::TemporaryFolder;

namespace {

template <typename Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    return error.problem() + " @ " + error.where();
  }
  return "no error";
}

std::vector<std::byte> pattern_bytes(std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 31 + 7);
  return bytes;
}

}  // namespace

TEST_CASE("what is written at an offset reads back, and a short file is an error") {
  const TemporaryFolder scratch;
  Storage storage;
  const auto bytes = pattern_bytes(100'000);
  {
    const Storage::File file = storage.create(scratch / "a");
    storage.allocate(file, 200'000);
    CHECK(storage.size(file) == 200'000);
    storage.pwrite(file, bytes, 50'000);
    storage.truncate(file, 150'000);
    storage.sync(file);
    storage.drop_cache(file);
  }
  const Storage::File file = storage.open_read(scratch / "a");
  std::vector<std::byte> back(100'000);
  storage.pread(file, back, 50'000);
  CHECK(back == bytes);
  CHECK(storage.size(scratch / "a") == 150'000);
  CHECK(message_of([&] { storage.pread(file, back, 100'000); }) ==
        "the file ends at byte 150000, 50000 more were expected @ " + (scratch / "a"));
}

TEST_CASE("create is exclusive, missing things are named") {
  const TemporaryFolder scratch;
  Storage storage;
  storage.write_text(scratch / "a", "one");
  CHECK(message_of([&] { storage.create(scratch / "a"); }) == "open failed: File exists @ " + (scratch / "a"));
  CHECK(message_of([&] { storage.open_read(scratch / "b"); }) == "open failed: No such file or directory @ " + (scratch / "b"));
  CHECK(message_of([&] { storage.open_write(scratch / "b"); }) == "open failed: No such file or directory @ " + (scratch / "b"));
  CHECK(message_of([&] { storage.unlink(scratch / "b"); }) == "unlink failed: No such file or directory @ " + (scratch / "b"));
  CHECK(message_of([&] { storage.list(scratch / "b"); }) == "opendir failed: No such file or directory @ " + (scratch / "b"));
  CHECK(message_of([&] { storage.size(scratch / "b"); }) == "stat failed: No such file or directory @ " + (scratch / "b"));
  CHECK(message_of([&] { storage.sync_directory(scratch / "a"); }) == "open failed: Not a directory @ " + (scratch / "a"));
  CHECK(message_of([&] { storage.rename(scratch / "b", scratch / "c"); }) ==
        "rename failed: No such file or directory @ " + (scratch / "b") + " -> " + (scratch / "c"));
  CHECK(message_of([&] { storage.read_text(storage.open_read(scratch.path())); }) == "this is not an ordinary file @ " + scratch.path());
  CHECK(message_of([&] { storage.free_bytes(scratch / "b"); }) == "statvfs failed: No such file or directory @ " + (scratch / "b"));
  CHECK(storage.free_bytes(scratch.path()) > 0);
}

TEST_CASE("text is replaced whole, appended lines follow each other") {
  const TemporaryFolder scratch;
  Storage storage;
  storage.write_text(scratch / "a", "first, long");
  storage.write_text(scratch / "a", "second");
  CHECK(storage.read_text(scratch / "a") == "second");
  CHECK(storage.list(scratch.path()) == std::vector<std::string>{"a"});
  for (const char* line : {"1\n", "2\n"}) storage.append(storage.open_append(scratch / "lines"), line);
  CHECK(storage.read_text(scratch / "lines") == "1\n2\n");
}

TEST_CASE("a text that cannot be written leaves the old one and no temporary") {
  const TemporaryFolder scratch;
  struct Full : Storage {
    void append(const File& file, std::string_view text) override {
      Storage::append(file, text.substr(0, 2));
      throw Error("write failed: no room", file.path(), "", ExitCode::data);
    }
  };
  Storage().write_text(scratch / "a", "one");
  Full full;
  CHECK_THROWS_AS(full.write_text(scratch / "a", "two"), Error);
  CHECK(full.read_text(scratch / "a") == "one");
  CHECK(full.list(scratch.path()) == std::vector<std::string>{"a"});
}

TEST_CASE("a stale temporary from a killed write is no obstacle") {
  const TemporaryFolder scratch;
  Storage storage;
  storage.append(storage.create(scratch / "a.tmp"), "half");
  storage.write_text(scratch / "a", "whole");
  CHECK(storage.read_text(scratch / "a") == "whole");
}

TEST_CASE("folders are made exclusively or with their parents, and removed with their files") {
  const TemporaryFolder scratch;
  Storage storage;
  storage.make_directory(scratch / "x");
  CHECK(message_of([&] { storage.make_directory(scratch / "x"); }) == "mkdir failed: File exists @ " + (scratch / "x"));
  storage.make_directories(scratch / "x/y/z");
  storage.make_directories(scratch / "x/y/z");
  storage.write_text(scratch / "x/y/z/file", "1");
  CHECK(message_of([&] { storage.make_directories(scratch / "x/y/z/file"); }) == "mkdir failed: File exists @ " + (scratch / "x/y/z/file"));
  storage.remove_directory(scratch / "x");
  CHECK_FALSE(storage.exists(scratch / "x"));
}

TEST_CASE("each folder that is made with its parents is synced where it was made") {
  const TemporaryFolder scratch;
  struct Watched : Storage {
    std::vector<std::string> synced;
    void sync_directory(const std::string& path) override {
      synced.push_back(path);
      Storage::sync_directory(path);
    }
  } storage;
  storage.make_directories(scratch / "x/y");
  CHECK(storage.synced == std::vector<std::string>{scratch.path(), scratch / "x"});
  storage.make_directories(scratch / "x/y");
  CHECK(storage.synced.size() == 2);
  CHECK(ensure_directory(storage, scratch / "x/z"));
  CHECK_FALSE(ensure_directory(storage, scratch / "x/z"));
  CHECK(storage.synced.size() == 2);
  CHECK(message_of([&] { ensure_directory(storage, scratch / "a/b"); }) ==
        "mkdir failed: No such file or directory @ " + (scratch / "a/b"));
}

TEST_CASE("only a file is an ordinary one") {
  const TemporaryFolder scratch;
  Storage storage;
  storage.write_text(scratch / "file", "1");
  REQUIRE(::symlink((scratch / "file").c_str(), (scratch / "link").c_str()) == 0);
  CHECK(is_ordinary(scratch / "file"));
  CHECK_FALSE(is_ordinary(scratch / "link"));
  CHECK_FALSE(is_ordinary(scratch.path()));
  CHECK(message_of([&] { is_ordinary(scratch / "absent"); }) == "lstat failed: No such file or directory @ " + (scratch / "absent"));
}

TEST_CASE("names that come from a file stay inside their folder") {
  const TemporaryFolder scratch;
  Storage storage;
  storage.make_directory(scratch / "in");
  storage.write_text(scratch / "secret", "s");
  storage.write_text(scratch / "in/good-1_a.h5", "g");
  REQUIRE(::symlink((scratch / "secret").c_str(), (scratch / "in/link").c_str()) == 0);
  CHECK(storage.read_text(storage.open_read_inside(scratch / "in", "good-1_a.h5")) == "g");
  for (const char* name : {"../secret", "", ".", "..", "a/b", "a b", "\xc3\xa9", "a\n"}) {
    CAPTURE(name);
    CHECK(message_of([&] { storage.open_read_inside(scratch / "in", name); }) ==
          fmt::format("the file name '{}' is refused @ {}", shown_name(name), scratch / "in"));
  }
  CHECK(message_of([&] { storage.open_read_inside(scratch / "in", "link"); }) ==
        "open failed: Too many levels of symbolic links @ " + (scratch / "in/link"));
  CHECK_FALSE(storage.has_inside(scratch / "in", "nothing"));
  CHECK(storage.has_inside(scratch / "in", "link"));
  CHECK(message_of([&] { storage.has_inside(scratch / "in", "../secret"); }) ==
        "the file name '../secret' is refused @ " + (scratch / "in"));
  CHECK(message_of([&] { storage.open_read_inside(scratch / "in", std::string(256, 'x')); }) != "no error");
  CHECK(is_plain_name(std::string(255, 'x')));
  CHECK_FALSE(is_plain_name(std::string(256, 'x')));
  REQUIRE(::symlink((scratch / "in").c_str(), (scratch / "away").c_str()) == 0);
  CHECK(message_of([&] { storage.open_read_inside(scratch / "away", "good-1_a.h5"); }) ==
        "open failed: Too many levels of symbolic links @ " + (scratch / "away"));
  CHECK(message_of([&] { storage.has_inside(scratch / "away", "good-1_a.h5"); }) ==
        "open failed: Too many levels of symbolic links @ " + (scratch / "away"));
  CHECK(message_of([&] { storage.has_inside(scratch / "secret", "x"); }) == "open failed: Not a directory @ " + (scratch / "secret"));
  REQUIRE(::mkfifo((scratch / "in/pipe").c_str(), 0600) == 0);  // must not hang
  CHECK(message_of([&] { storage.read_text(storage.open_read_inside(scratch / "in", "pipe")); }) ==
        "this is not an ordinary file @ " + (scratch / "in/pipe"));
}

TEST_CASE("a file size limit shows as an error of the write, with the way out") {
  const TemporaryFolder scratch;
  Storage storage;
  const Storage::File file = storage.create(scratch / "a");
  rlimit before;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {65'536, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string write = message_of([&] { storage.pwrite(file, pattern_bytes(100'000), 0); });  // a short write, then EFBIG
  const std::string allocate = message_of([&] { storage.allocate(file, 1 << 20); });
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(write == "pwrite failed: File too large @ " + (scratch / "a"));
  CHECK(allocate == "fallocate failed: File too large @ " + (scratch / "a"));
  CHECK(storage.size(file) == 65'536);
}

TEST_CASE("a full device and a closed descriptor are errors") {
  Storage storage;
  const Storage::File full = storage.open_write("/dev/full");
  CHECK(message_of([&] { storage.pwrite(full, pattern_bytes(10), 0); }) == "pwrite failed: No space left on device @ /dev/full");
  CHECK(message_of([&] { storage.append(full, "text"); }) == "write failed: No space left on device @ /dev/full");
  CHECK(message_of([&] { storage.truncate(full, 10); }) == "ftruncate failed: Invalid argument @ /dev/full");
  const Storage::File closed(987, "closed");
  CHECK(message_of([&] { storage.sync(closed); }) == "fdatasync failed: Bad file descriptor @ closed");
  std::vector<std::byte> data(1);
  CHECK(message_of([&] { storage.pread(closed, data, 0); }) == "pread failed: Bad file descriptor @ closed");
}

TEST_CASE("a file is closed once, by its last owner") {
  const TemporaryFolder scratch;
  Storage storage;
  int descriptor = -1;
  {
    Storage::File first = storage.create(scratch / "a");
    descriptor = first.descriptor();
    Storage::File second = std::move(first);
    CHECK_FALSE(first);
    CHECK(second.descriptor() == descriptor);
    first = std::move(second);
    CHECK(first.descriptor() == descriptor);
    CHECK(::fcntl(descriptor, F_GETFD) >= 0);
  }
  CHECK(::fcntl(descriptor, F_GETFD) < 0);
}

TEST_CASE("a name is shown on one line") {
  CHECK(shown_name(std::string("a\nb\0c\x7f \xc3\xa4", 9)) == "a\\x0ab\\x00c\\x7f \xc3\xa4");
  CHECK(shown_name("") == "");
}

TEST_CASE("the folder of a path") {
  CHECK(parent_folder("a/b/c") == "a/b");
  CHECK(parent_folder("a") == ".");
  CHECK(parent_folder("/a") == "/");
}
