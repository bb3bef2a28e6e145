// SPDX-License-Identifier: Apache-2.0
#include "trainer/flight_files.hpp"

#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("flight_files: nothing is made before something is written") {
  const test::TemporaryFolder folder;
  Storage storage;
  FlightFiles files(storage, folder / "run", 12);
  CHECK(files.path() == folder / "run/flight/attempt_0012");
  CHECK(files.names().empty());
  CHECK_FALSE(storage.exists(folder / "run"));
  files.write("rank_00001.json", "{}");
  files.write("rank_00001.json", "{\"again\": 1}");
  CHECK(files.names() == std::vector<std::string>{"rank_00001.json"});
  CHECK(files.read("rank_00001.json") == "{\"again\": 1}");
  CHECK_THROWS_AS(files.read("../elsewhere"), Error);
}

}  // namespace ergon
