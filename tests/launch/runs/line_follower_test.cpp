// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/line_follower.hpp"

#include <filesystem>
#include <fstream>

#include "tests/configs/refusal.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::refusal;

namespace {

struct Growing {
  test::TemporaryFolder folder;
  std::string path = folder / "lines";
  void append(const std::string& text) const { std::ofstream(path, std::ios::app | std::ios::binary) << text; }
};

}  // namespace

TEST_CASE("line_follower: lines come once, whole") {
  const Growing file;
  LineFollower follower(file.path);
  CHECK(follower.take().empty());  // not there yet
  CHECK(follower.share() == 1);
  file.append("one\ntwo\nthr");
  CHECK(follower.take() == "one\ntwo\n");
  CHECK(follower.lines() == 2);
  CHECK(follower.share() == 1);  // a torn end is no reason to look again
  CHECK(follower.take().empty());
  file.append("ee\n");
  CHECK(follower.take() == "three\n");
  CHECK(follower.lines() == 3);
}

TEST_CASE("line_follower: a part at a time, at least a line") {
  const Growing file;
  file.append("a\nb\nc\n" + std::string(100, 'd') + "\ne\n");
  LineFollower follower(file.path);
  CHECK(follower.take(4) == "a\nb\n");
  CHECK(follower.take(5) == "c\n");
  const std::string longer = follower.take(5);  // one line, or that and what came with it
  CHECK(longer.substr(0, 101) == std::string(100, 'd') + "\n");
  CHECK(follower.take() + longer.substr(101) == "e\n");
}

TEST_CASE("line_follower: a torn end is not taken, and what is written in its place is") {
  const Growing file;
  file.append("a\n" + std::string(4, '\0') + "\nb\n");
  LineFollower follower(file.path);
  CHECK(follower.take() == "a\n");
  CHECK(follower.take(2).empty());
  std::filesystem::resize_file(file.path, 2);
  CHECK(follower.take().empty());
  file.append("c\n");
  CHECK(follower.take() == "c\n");
}

TEST_CASE("line_follower: a file that was replaced, cut or taken away, and one that is none") {
  const Growing file;
  file.append("a\nb\n");
  const auto follow = [&] {
    LineFollower follower(file.path);
    follower.take();
    return follower;
  };
  LineFollower cut = follow(), replaced = follow(), gone = follow();
  std::filesystem::resize_file(file.path, 2);
  const std::string why = "taken away or replaced while it was read";
  CHECK(refusal([&] { cut.take(); }).find(why) != std::string::npos);
  std::ofstream(file.path + ".new") << "x\ny\nz\n";
  std::filesystem::rename(file.path + ".new", file.path);
  CHECK(refusal([&] { replaced.take(); }).find(why) != std::string::npos);
  std::filesystem::remove(file.path);
  CHECK(refusal([&] { gone.take(); }).find(why) != std::string::npos);
  LineFollower folder(file.folder.path());
  CHECK(refusal([&] { folder.take(); }).find("this file cannot be read") != std::string::npos);
}
