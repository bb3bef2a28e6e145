// SPDX-License-Identifier: Apache-2.0
#include "trainer/complete_file.hpp"

#include <vector>

#include "configs/error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "trainer/crc32c.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TemporaryFolder;
using Names = std::vector<std::string>;

namespace {

// Says what it is asked to do, and fails at a call of this name.
struct Told : Storage {
  void said(const std::string& call) {
    calls += call + " ";
    if (call == fails) throw Error("planted: " + call, "", "", ExitCode::data);
  }
  void append(const File& file, std::string_view text) override { said("append"), Storage::append(file, text); }
  void sync(const File& file) override { said("sync"), Storage::sync(file); }
  void sync_directory(const std::string& path) override { said("folder"), Storage::sync_directory(path); }
  void rename(const std::string& from, const std::string& to) override { said("rename"), Storage::rename(from, to); }
  std::string calls, fails;
};

FinishedFile put(Storage& storage, const std::string& path, const std::string& text, FileNaming naming) {
  CompleteFile file(storage, path, naming);
  file.write(std::string_view(text).substr(0, 2));
  file.write(std::as_bytes(std::span(text)).subspan(2));
  CHECK((naming == FileNaming::with_folder || !storage.exists(path) || storage.read_text(path) == "old"));
  return file.finish();
}

}  // namespace

TEST_CASE("a finished file is synced before it has its name, and its folder after") {
  const TemporaryFolder folder;
  Told storage;
  storage.write_text(folder / "a", "old");
  storage.calls.clear();
  const FinishedFile file = put(storage, folder / "a", "text", FileNaming::renamed);
  CHECK(storage.calls == "append append sync rename folder ");
  CHECK((file.bytes == 4 && file.crc == crc32c("text")));
  CHECK(storage.read_text(folder / "a") == "text");
  CHECK(storage.list(folder.path()) == Names{"a"});
}

TEST_CASE("in a folder that is put in place as a whole a file is synced under its own name, which must be free") {
  const TemporaryFolder folder;
  Told storage;
  const FinishedFile file = put(storage, folder / "a", "text", FileNaming::with_folder);
  CHECK(storage.calls == "append append sync ");
  CHECK((file.bytes == 4 && file.crc == crc32c("text")));
  CHECK_THROWS_WITH(put(storage, folder / "a", "next", FileNaming::with_folder), Catch::Contains("open failed"));
  CHECK(storage.read_text(folder / "a") == "text");
}

TEST_CASE("what is not finished leaves nothing, and what was there stays") {
  for (const FileNaming naming : {FileNaming::renamed, FileNaming::with_folder}) {
    for (const std::string call : {"append", "sync", "rename"}) {
      if (naming == FileNaming::with_folder && call == "rename") continue;
      const TemporaryFolder folder;
      Told storage;
      if (naming == FileNaming::renamed) storage.write_text(folder / "a", "old");
      storage.fails = call;
      CHECK_THROWS_WITH(put(storage, folder / "a", "text", naming), Catch::Contains("planted: " + call));
      storage.fails.clear();
      CHECK(storage.list(folder.path()) == (naming == FileNaming::renamed ? Names{"a"} : Names{}));
      if (naming == FileNaming::renamed) CHECK(storage.read_text(folder / "a") == "old");
    }
  }
}

TEST_CASE("a temporary that a crash has left makes way") {
  const TemporaryFolder folder;
  Storage storage;
  storage.write_text(folder / "a.tmp", "half of something longer");
  put(storage, folder / "a", "text", FileNaming::renamed);
  CHECK(storage.read_text(folder / "a") == "text");
  CHECK(storage.list(folder.path()) == Names{"a"});
}
