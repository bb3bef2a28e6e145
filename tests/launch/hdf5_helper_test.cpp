// SPDX-License-Identifier: Apache-2.0
// The real helper process over sound, hostile and damaged files.
#include "launch/hdf5_helper.hpp"

#include <cstdlib>
#include <random>

#include "configs/error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "trainer/hdf5_reader.hpp"
#include "trainer/storage.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TemporaryFolder;

namespace {

// The real helper; or the same code in a program that starts faster.
HelperLimits helper(const std::string& program = std::getenv("ERGON_BINARY")) {
  HelperLimits limits;
  limits.program = program;
  return limits;
}

void write_sample(const std::string& path) {
  Hdf5Layout layout(path);
  layout.group("/g");
  layout.dataset("/g/data", Hdf5Type::u16, {1000});
  layout.dataset("/matrix", Hdf5Type::f32, {20, 30});
  layout.attribute("/", "text", std::string("forty-two"));
  layout.attribute("/", "number", std::int64_t{-42});
  layout.close();
}

// What a script in place of the helper leads to.
std::string with_helper(const TemporaryFolder& folder, const std::string& script, HelperLimits limits = {}) {
  const std::string program = folder / "helper";
  test::write_file(program, "#!/bin/sh\n" + script + "\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  limits.program = program;
  Storage storage(hdf5_helper(limits));
  test::write_file(folder / "any.h5", "x");
  try {
    storage.hdf5(storage.open_read(folder / "any.h5"), {});
  } catch (const Error& error) {
    CHECK(error.where() == (error.code() == ExitCode::data ? folder / "any.h5" : program));
    return error.problem();
  }
  return "no error";
}

}  // namespace

TEST_CASE("the helper says what this process would see") {
  TemporaryFolder folder;
  write_sample(folder / "a b.h5");
  Storage storage(hdf5_helper(helper()));
  const Storage::File file = storage.open_read(folder / "a b.h5");
  CHECK(storage.hdf5(file, {}) == read_hdf5_contents(folder / "a b.h5", {}));
  CHECK(storage.hdf5(file, {"/matrix"}) == read_hdf5_contents(folder / "a b.h5", {"/matrix"}));
  // Never what has its name by now: a file that is open but replaced cannot be looked into.
  test::write_file(folder / "new", "other");
  std::filesystem::rename(folder / "new", folder / "a b.h5");
  CHECK_THROWS_WITH(storage.hdf5(file, {}), Catch::Contains("HDF5 cannot open the file"));
}

TEST_CASE("what the helper refuses is refused here, with the file's own name") {
  TemporaryFolder folder;
  test::write_file(folder / "text.h5", "this is no HDF5 file");
  Storage storage(hdf5_helper(helper()));
  try {
    storage.hdf5(storage.open_read(folder / "text.h5"), {});
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    CHECK(error.where() == folder / "text.h5");
    CHECK(error.problem() == "is not an HDF5 file (20 bytes, no signature at its start)");
  }
}

TEST_CASE("a helper that crashes, hangs, talks too much, or lies is one sentence") {
  TemporaryFolder folder;
  CHECK(with_helper(folder, "kill -SEGV $$") == "HDF5 crashed over this file (signal 11)");
  CHECK(with_helper(folder, "exit 70") == "HDF5 failed over this file (the helper ended with 70)");
  CHECK_THAT(with_helper(folder, "echo nonsense"), Catch::StartsWith("the process that read this file answered nonsense"));
  CHECK_THAT(with_helper(folder, "exit 0"), Catch::StartsWith("the process that read this file answered nonsense"));
  HelperLimits limits;
  limits.wall = {0.3};
  CHECK(with_helper(folder, "exec sleep 60", limits) == "HDF5 did not get through this file within 0.3 s");
  limits = {};
  limits.answer = {1000};
  CHECK(with_helper(folder, "exec cat /dev/zero", limits) == "describes itself in more than 1000 bytes");
  CHECK_THAT(
      with_helper(
          folder,
          R"(echo '{"schema":"ergon.h5-layout.v1","attributes":[],"datasets":[{"name":"/a","type":"u8","shape":[9],"offset":0,"bytes":9}]}')"),
      Catch::Contains("/a (9 bytes) does not lie inside the file (1 bytes)"));
  HelperLimits none;
  none.program = folder / "no such program";
  Storage storage(hdf5_helper(none));
  CHECK_THROWS_WITH(storage.hdf5(storage.open_read(folder / "any.h5"), {}), Catch::Contains("cannot be started"));
}

TEST_CASE("damaged bytes by the hundred end in an answer inside the file or in one sentence with code 3") {
  TemporaryFolder folder;
  write_sample(folder / "a.h5");
  const std::string whole = test::read_file(folder / "a.h5");
  const std::size_t layout = std::min<std::size_t>(whole.size(), 4096);
  Storage storage(hdf5_helper(helper(ERGON_H5_LAYOUT_PROBE)));
  std::mt19937 random(7);
  int refused = 0, crashed = 0;
  for (int round = 0; round < 150; ++round) {
    std::string damaged = whole;
    for (int n = 0; n < 1 + round % 4; ++n) damaged[random() % layout] = static_cast<char>(random());
    if (round % 10 == 9) damaged.resize(random() % damaged.size());
    test::write_file(folder / "b.h5", damaged);
    try {
      storage.hdf5(storage.open_read(folder / "b.h5"), {});
    } catch (const Error& error) {
      ++refused;
      if (error.problem().find("crashed") != std::string::npos) ++crashed;
      CHECK(error.code() == ExitCode::data);
      CHECK(error.where() == folder / "b.h5");
      CHECK(error.problem().find('\n') == std::string::npos);
    }
  }
  INFO(refused << " refused, " << crashed << " crashed the helper");
  CHECK(refused > 50);
}
