// SPDX-License-Identifier: Apache-2.0
#include "trainer/found_stores.hpp"

#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("found_stores: a relative name that leads nowhere is what it was before, where that is there") {
  const test::TemporaryFolder folder;
  const std::string known = folder / "tokens.h5", gone = folder / "gone.h5";
  test::write_file(known, "tokens");
  Storage storage;
  DataSection data, before;
  data.train = {"tokens.h5", "gone.h5", "/nowhere/tokens.h5", "other.h5"};
  before.train = {known, gone, known, known};
  data.packing_table = std::string("tokens.h5");
  before.packing_table = known;
  data.validation = {"tokens.h5"};
  before.validation = {known, known};  // another list: nobody knows which is which
  const DataSection found = found_stores(data, before, storage);
  CHECK(found.train == std::vector<std::string>{known, "gone.h5", "/nowhere/tokens.h5", "other.h5"});
  CHECK(found.packing_table == known);
  CHECK(found.validation == data.validation);
}
