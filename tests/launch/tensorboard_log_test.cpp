// SPDX-License-Identifier: Apache-2.0
#include "launch/tensorboard_log.hpp"

#include <cstring>
#include <filesystem>

#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("tensorboard_log: a record carries its length and two masked checksums") {
  const std::string record = tensorboard_record("abc");
  REQUIRE(record.size() == 8 + 4 + 3 + 4);
  CHECK(record[0] == 3);
  CHECK(record.substr(12, 3) == "abc");
  // CRC32C of "abc" is 0x364b3fb7; rotated right by 15 and 0xa282ead8 added.
  const std::uint32_t crc = 0x364b3fb7, expected = ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
  std::uint32_t stored;
  std::memcpy(&stored, record.data() + 15, 4);
  CHECK(stored == expected);
}

TEST_CASE("tensorboard_log: a file an attempt, which begins with version and session start") {
  const test::TemporaryFolder run;
  Storage storage;
  TensorBoardLog first(storage, run.path(), 1, 0, 1000.5);
  const Scalar scalars[] = {{"loss/train", 2.5}};
  first.add(1, scalars, 1001);
  TensorBoardLog second(storage, run.path(), 2, 1, 1002);
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(run / "tensorboard")) names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  CHECK(names == std::vector<std::string>{"events.out.tfevents.0000001000.a0001", "events.out.tfevents.0000001002.a0002"});
  const std::string text = test::read_file(run / "tensorboard/events.out.tfevents.0000001000.a0001");
  CHECK(text.find("brain.Event:2") != std::string::npos);
  CHECK(text.find("loss/train") != std::string::npos);
}
