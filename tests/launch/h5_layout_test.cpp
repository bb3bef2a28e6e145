// SPDX-License-Identifier: Apache-2.0
// `ergon h5-layout` as its caller sees it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "launch/child_process.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_folder.hpp"
#include "trainer/hdf5_reader.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TemporaryFolder;

namespace {

std::string shell(const std::string& line) { return output_of({"/bin/sh", "-c", line}); }
std::string program() { return std::getenv("ERGON_BINARY"); }

}  // namespace

TEST_CASE("the layout of a file is printed, and a refusal is JSON too") {
  TemporaryFolder folder;
  Hdf5Layout layout(folder / "a.h5");
  layout.dataset("/data", Hdf5Type::u16, {7});
  layout.close();
  const std::string text = output_of({program(), "h5-layout", folder / "a.h5", "--names", "/data"});
  CHECK(parse_hdf5_contents(text, "a") == read_hdf5_contents(folder / "a.h5", {"/data"}));
  const std::string refused = shell(fmt::format("'{}' h5-layout /dev/null 2> /dev/null; echo $?", program()));
  CHECK_THAT(refused, Catch::Contains("\"error\": \"is not a regular file\"") && Catch::EndsWith("\n3\n"));
}

TEST_CASE("a disk that fails, under HDF5 too, is told apart from a damaged file") {
  TemporaryFolder folder;
  Hdf5Layout layout(folder / "a.h5");
  layout.dataset("/data", Hdf5Type::u16, {7});
  layout.close();
  const auto traced = [&](const std::string& inject) {
    return shell(fmt::format("strace -qq -o /dev/null -P '{0}' -e trace=read,pread64 {1} '{2}' h5-layout '{0}' 2> /dev/null; true",
                             folder / "a.h5", inject, program()));
  };
  if (traced("") != to_text(read_hdf5_contents(folder / "a.h5", {}))) return test::skip("strace cannot trace here");
  for (const int read : {1, 2, 3}) {
    const std::string refused = traced(fmt::format("-e inject=read,pread64:error=ESTALE:when={}", read));
    CAPTURE(read, refused);
    CHECK_THAT(refused, Catch::Contains("Stale file handle") && Catch::Contains(fmt::format("\"errno\": {}", ESTALE)));
  }
}

TEST_CASE("it is internal: it has its help, and the list of commands does not have it") {
  CHECK_THAT(output_of({program(), "h5-layout", "--help"}), Catch::Contains("Internal"));
  CHECK_THAT(output_of({program(), "--help"}), !Catch::Contains("h5-layout") && Catch::Contains("checkpoint"));
}
