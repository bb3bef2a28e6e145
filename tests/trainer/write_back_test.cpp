// SPDX-License-Identifier: Apache-2.0
#include "trainer/write_back.hpp"

#include <algorithm>
#include <vector>

#include "configs/error.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TemporaryFolder;

namespace {

constexpr std::int64_t MiB = 1 << 20;

void write(Storage& storage, const Storage::File& file, std::int64_t begin, std::int64_t end) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(end - begin), std::byte{7});
  storage.pwrite(file, bytes, begin);
}

}  // namespace

TEST_CASE("whole windows of whole pages are begun, each byte once") {
  const TemporaryFolder folder;
  Storage storage;
  const Storage::File file = storage.create(folder / "file");
  WriteBack write_back(file);
  const auto begun_at = [&](std::int64_t end) {
    write_back.reached(end);
    return write_back.begun();
  };
  write(storage, file, 0, 40 * MiB);
  CHECK(begun_at(8 * MiB - 1) == 0);
  CHECK(begun_at(20 * MiB + 100) == 20 * MiB);
  CHECK(begun_at(27 * MiB) == 20 * MiB);
  CHECK(begun_at(28 * MiB) == 28 * MiB);
  CHECK(begun_at(40 * MiB) == 40 * MiB);
  storage.sync(file);
  std::vector<std::byte> back(1 << 20);
  for (std::int64_t at : {std::int64_t{0}, 19 * MiB, 39 * MiB}) {
    storage.pread(file, back, at);
    CHECK(std::count(back.begin(), back.end(), std::byte{7}) == MiB);
  }
}

TEST_CASE("a file that cannot be written back is the sync's to report") {
  Storage storage;
  const Storage::File closed(-1, "closed");
  WriteBack write_back(closed);
  write_back.reached(8 * MiB);
  CHECK(write_back.begun() == 8 * MiB);
  CHECK_THROWS_AS(storage.sync(closed), Error);
}
