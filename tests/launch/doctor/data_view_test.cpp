// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/data_view.hpp"

#include <filesystem>

#include "tests/support/temporary_folder.hpp"
#include "trainer/data/dataset_file.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

std::string dataset_of(const std::vector<std::string>& names) {
  Dataset dataset;
  dataset.tokenizer_kind = std::string("bytes");
  for (const std::string& name : names) dataset.shards.push_back({name, "uuid", std::string(64, 'a') + name, 10, 1});
  return to_json(dataset);
}

}  // namespace

TEST_CASE("data_view: files that can be read, shards of a dataset file among them") {
  const test::TemporaryFolder folder;
  test::write_file(folder / "a.h5", "12345");
  test::write_file(folder / "b.h5", "123");
  test::write_file(folder / "both.json", dataset_of({"a.h5", "b.h5"}));
  Storage storage;
  DataSection data;
  data.train = {folder / "a.h5", folder / "both.json"};
  data.validation = {folder / "b.h5"};
  data.packing_table = folder / "b.h5";
  const std::vector<DataView> views = look_at_data(data, storage);
  REQUIRE(views.size() == 4);
  CHECK(views[0] == DataView{"data.train", folder / "a.h5", "", 1, {5}});
  CHECK(views[1] == DataView{"data.train", folder / "both.json", "", 2, {8}});
  CHECK(views[2] == DataView{"data.validation", folder / "b.h5", "", 1, {3}});
  CHECK(views[3].key == "data.packing_table");
}

TEST_CASE("data_view: one that is missing, one that is a folder, a shard that is gone") {
  const test::TemporaryFolder folder;
  test::write_file(folder / "a.h5", "12345");
  test::write_file(folder / "some.json", dataset_of({"a.h5", "gone.h5"}));
  std::filesystem::create_directory(folder / "folder.h5");
  Storage storage;
  DataSection data;
  data.train = {folder / "nothing.h5", folder / "folder.h5", folder / "some.json"};
  const std::vector<DataView> views = look_at_data(data, storage);
  CHECK(views[0].problem == "does not exist");
  CHECK_FALSE(views[1].problem.empty());
  CHECK(views[2].problem == (folder / "gone.h5") + ": does not exist");
  CHECK(views[2].files == 1);
}
