// SPDX-License-Identifier: Apache-2.0
#include "configs/text_file.hpp"

#include "configs/error.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using Catch::Matchers::Contains;

TEST_CASE("a file is read whole; a folder and what is not there are refused by name") {
  test::TemporaryFolder folder;
  test::write_file(folder / "a", std::string("b\n\0c", 4));
  CHECK(text_of_file(folder / "a", "") == std::string("b\n\0c", 4));
  CHECK_THROWS_WITH(text_of_file(folder.path(), "hint"), Contains("is a folder") && Contains(folder.path()) && Contains("hint"));
  CHECK_THROWS_WITH(text_of_file(folder / "none", "hint"), Contains("cannot be read") && Contains("none"));
}
