// SPDX-License-Identifier: Apache-2.0
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
}
