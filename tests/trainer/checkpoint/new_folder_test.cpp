// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/new_folder.hpp"

#include "configs/error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "trainer/crc32c.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TemporaryFolder;

TEST_CASE("a new folder is there complete or not at all") {
  const TemporaryFolder root;
  Storage storage;
  const std::string folder = root / "deep/new";
  const auto fill = [&](const std::string& temporary) {
    const StoredFile file = write_checked(storage, temporary, "a.txt", "text");
    CHECK(file == StoredFile{"a.txt", 4, crc32c("text")});
    CHECK_FALSE(storage.exists(folder));
  };
  CHECK_THROWS_WITH(write_new_folder(storage, folder,
                                     [&](const std::string& temporary) {
                                       fill(temporary);
                                       throw Error("planted", "", "");
                                     }),
                    Catch::Contains("planted"));
  CHECK(storage.list(root / "deep").empty());
  write_new_folder(storage, folder, fill);
  CHECK(storage.list(root / "deep") == std::vector<std::string>{"new"});
  CHECK(storage.read_text(folder + "/a.txt") == "text");
  CHECK_THROWS_WITH(write_new_folder(storage, folder, fill), Catch::Contains("this exists already, and nothing is overwritten"));
  storage.make_directory(root / "next.tmp");
  CHECK_THROWS_WITH(write_new_folder(storage, root / "next", fill), Catch::Contains("left over from a command that was interrupted"));
}
