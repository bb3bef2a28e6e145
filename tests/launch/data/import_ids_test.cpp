// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "launch/commands.hpp"
#include "tests/launch/data/commands.hpp"
#include "tests/launch/subcommands.hpp"

using namespace ergon::test;
using Catch::Contains;

namespace {

// "hello", 256, "ab", 256 as uint16.
std::string some_ids() {
  std::string bytes;
  for (const int id : std::initializer_list<int>{'h', 'e', 'l', 'l', 'o', 256, 'a', 'b', 256})
    bytes += {static_cast<char>(id & 255), static_cast<char>(id >> 8)};
  return bytes;
}

}  // namespace

TEST_CASE("ids become a store, with the tokenizer of another or without one") {
  const TemporaryFolder& folder = text_store().folder;
  write_file(folder / "train.bin", some_ids());

  const auto known = nlohmann::json::parse(ergon_data(folder, "import-ids train.bin -o k.h5 --tokenizer-of a.h5 --split train --json").out);
  CHECK(known["format"] == "nanogpt");
  CHECK(known["tokenizer"] == "bytes");
  CHECK(known["documents"] == 2);
  CHECK(known["splits"]["train"]["tokens"] == 9);
  CHECK(nlohmann::json::parse(ergon_data(folder, "sample k.h5 --json").out)["documents"].size() == 2);
  CHECK_THAT(ergon_data(folder, "sample k.h5").out, Contains("hello"));

  const DataResult unknown = ergon_data(folder, "import-ids train.bin -o u.h5");
  CHECK_THAT(unknown.out, Contains("tokenizer ids, vocabulary 257"));
  CHECK_THAT(unknown.out, Contains("note: the file is one document"));
  CHECK(nlohmann::json::parse(ergon_data(folder, "import-ids train.bin -o s.h5 --eod 256 --eod-at start --json").out)["documents"] == 3);
}

TEST_CASE("options that contradict each other are refused") {
  TemporaryFolder folder;
  write_file(folder / "train.bin", some_ids());
  const auto refused = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {folder / "train.bin", "-o", folder / "a.h5"});
    return call(ergon::command_data_import_ids, "import-ids", words);
  };
  CHECK_THROWS_WITH(refused({"--split", "train", "--valid", "0.1"}), Contains("--split puts all documents into one split"));
  CHECK_THROWS_WITH(refused({"--tokenizer-of", "b.h5", "--eod", "3"}),
                    Contains("the tokenizer says its vocabulary and its end of a document"));
  CHECK_THROWS_WITH(refused({"--eod=-3"}), Contains("-3 is no id"));
  CHECK_THROWS_WITH(refused({"--from", "parquet"}), Contains("megatron"));
}
