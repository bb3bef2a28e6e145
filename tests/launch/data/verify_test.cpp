// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/launch/data/commands.hpp"

using namespace ergon::test;
using Catch::Contains;

TEST_CASE("a sound store is said to be sound, one flipped bit is found") {
  const TemporaryFolder& folder = text_store().folder;

  CHECK_THAT(ergon_data(folder, "verify a.h5").out, Contains("a.h5: sound ("));
  const auto sound = nlohmann::json::parse(ergon_data(folder, "verify a.h5 --json").out);
  CHECK(sound["sound"] == true);
  CHECK(sound["documents"] == 300);

  std::filesystem::copy_file(folder / "a.h5", folder / "damaged.h5");
  flip_bit(folder / "damaged.h5", static_cast<std::int64_t>(std::filesystem::file_size(folder / "a.h5")) / 2);
  const DataResult damaged = ergon_data(folder, "verify damaged.h5");
  CHECK(damaged.status == 3);
  CHECK_THAT(damaged.err, Contains("does not match its checksum"));
  CHECK(damaged.out == "damaged.h5: not sound\n");
}

TEST_CASE("every shard is read, and each that is not sound is reported with what is wrong") {
  TemporaryFolder folder;
  std::string text;
  for (int p = 0; p < 60'000; ++p) text += "Paragraph number " + std::to_string(p) + " says that work is counted.\n\n";
  write_file(folder / "in.txt", text);
  REQUIRE(ergon_data(folder, "import in.txt -o d.json --documents blank-line --shard-size 1").status == 0);
  const int shards = nlohmann::json::parse(ergon_data(folder, "verify d.json --json").out)["shards"];
  REQUIRE(shards >= 4);

  flip_bit(folder / "d-00000.h5", 500'000);
  flip_bit(folder / "d-00000.h5", 600'000);
  std::filesystem::remove(folder / "d-00001.h5");
  flip_bit(folder / "d-00003.h5", 500'000);

  const DataResult found = ergon_data(folder, "verify d.json");
  CHECK(found.status == 3);
  CHECK(found.out == fmt::format("d.json: not sound (3 of {} shards)\n", shards));
  CHECK_THAT(found.err, Contains("d-00000.h5: 2 of") && Contains("d-00001.h5: does not exist") && Contains("d-00003.h5: 1 of") &&
                            !Contains("d-00002.h5"));
  const DataResult as_json = ergon_data(folder, "verify d.json --json");
  CHECK(as_json.status == 3);
  const auto json = nlohmann::json::parse(as_json.out);
  CHECK(json["sound"] == false);
  CHECK(json["shards"] == shards);
  REQUIRE(json["unsound"].size() == 3);
  CHECK_THAT(json["unsound"][2]["store"].get<std::string>(), Contains("d-00003.h5"));
  CHECK_THAT(json["unsound"][2]["problem"].get<std::string>(), Contains("blocks are damaged; the first: block"));
}
