// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/dataset_file.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/trainer/data/store_fixture.hpp"
#include "trainer/data/token_source.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

// Two shards and the file that lists them.
Dataset make_dataset(const TemporaryFolder& folder, Storage& storage) {
  Dataset dataset;
  for (const auto& [name, count] : {std::pair("d-00000.h5", 30), std::pair("d-00001.h5", 20)}) {
    const TokenStoreInfo info = make_store(folder / name, some_documents(count), storage);
    dataset.shards.push_back({name, info.uuid, info.content_hash, info.tokens, info.documents});
    dataset.tokenizer_kind = info.tokenizer_kind;
    dataset.tokenizer_sha256 = info.tokenizer_sha256;
  }
  write_file(folder / "d.json", to_json(dataset));
  return dataset;
}

}  // namespace

TEST_CASE("a dataset file comes back as it was written") {
  TemporaryFolder folder;
  InspectingStorage storage;
  const Dataset made = make_dataset(folder, storage), read = read_dataset(folder / "d.json", storage);
  CHECK(read.uuid() == made.uuid());
  CHECK(read.tokens() == made.shards[0].tokens + made.shards[1].tokens);
  CHECK(read.documents() == 50);
  CHECK(read.shards[1].name == "d-00001.h5");
  CHECK(read.tokenizer_sha256 == make_bytes_tokenizer()->sha256());
  CHECK(is_dataset_file("a/d.json"));
  CHECK_FALSE(is_dataset_file("a/d.h5"));
}

TEST_CASE("a dataset is read as its shards in order") {
  TemporaryFolder folder;
  InspectingStorage storage;
  make_dataset(folder, storage);
  const TokenSource by_file({folder / "d.json"}, Split::train, 8, storage),
      by_hand({folder / "d-00000.h5", folder / "d-00001.h5"}, Split::train, 8, storage);
  CHECK(by_file.samples() == by_hand.samples());
  CHECK(by_file.fingerprint() == by_hand.fingerprint());
}

TEST_CASE("the folder may be reached through a link, a shard may not be one") {
  TemporaryFolder folder;
  InspectingStorage storage;
  std::filesystem::create_directories(folder / "real");
  std::filesystem::create_directory_symlink(folder / "real", folder / "linked");
  make_dataset(folder, storage);
  for (const char* name : {"d-00000.h5", "d-00001.h5", "d.json"})
    std::filesystem::rename(folder / name, folder / ("real/" + std::string(name)));
  CHECK(TokenSource({folder / "linked/d.json"}, Split::train, 8, storage).stores().size() == 2);

  std::filesystem::rename(folder / "real/d-00001.h5", folder / "away.h5");
  std::filesystem::create_symlink(folder / "away.h5", folder / "real/d-00001.h5");
  CHECK(contains(problem_of([&] { TokenSource source({folder / "linked/d.json"}, Split::train, 8, storage); }), "symbolic link"));
  std::filesystem::remove(folder / "real/d-00001.h5");
  CHECK(contains(problem_of([&] { TokenSource source({folder / "linked/d.json"}, Split::train, 8, storage); }), "does not exist"));
}

TEST_CASE("shards that were swapped or replaced are refused") {
  TemporaryFolder folder;
  InspectingStorage storage;
  make_dataset(folder, storage);
  std::filesystem::rename(folder / "d-00000.h5", folder / "x");
  std::filesystem::rename(folder / "d-00001.h5", folder / "d-00000.h5");
  std::filesystem::rename(folder / "x", folder / "d-00001.h5");
  CHECK(contains(problem_of([&] { TokenSource source({folder / "d.json"}, Split::train, 8, storage); }), "is not the shard that"));
}

TEST_CASE("a dataset file that does not hold what it should is refused") {
  TemporaryFolder folder;
  InspectingStorage storage;
  make_dataset(folder, storage);
  const auto whole = nlohmann::json::parse(read_file(folder / "d.json"));
  const auto problem = [&](auto change) {
    nlohmann::json json = whole;
    change(json);
    write_file(folder / "d.json", json.dump());
    return problem_of([&] { read_dataset(folder / "d.json", storage); });
  };
  using J = nlohmann::json&;
  CHECK(contains(problem([](J j) { j["schema"] = "ergon.other.v1"; }), "has the schema 'ergon.other.v1'"));
  CHECK(contains(problem([](J j) { j.erase("uuid"); }), "is not a dataset file"));
  CHECK(contains(problem([](J j) { j = 5; }), "is not a dataset file"));
  CHECK(contains(problem([](J j) { j["shards"] = nlohmann::json::array(); }), "lists no shard"));
  CHECK(contains(problem([](J j) { j["shards"][1]["file"] = "d-00000.h5"; }), "lists d-00000.h5 twice"));
  for (const char* name : {"../d-00000.h5", "/etc/passwd", "..", "a\nb", ""})
    CHECK(contains(problem([&](J j) { j["shards"][0]["file"] = name; }), "the file name '"));
  CHECK(contains(problem([](J j) { j["shards"][0]["n_tokens"] = 0; }), "without tokens or documents"));
  CHECK(contains(problem([](J j) { j["shards"][0]["n_tokens"] = INT64_MAX; }), "more tokens or documents than a file can hold"));
  CHECK(contains(problem([](J j) { j["n_tokens"] = 5; }), "its uuid or totals are not those of the shards"));
  CHECK(contains(problem([](J j) { j["shards"][0]["content_hash"] = std::string(64, '0'); }),
                 "its uuid or totals are not those of the shards"));
  write_file(folder / "d.json", std::string(60 << 20, '['));
  CHECK(contains(problem_of([&] { read_dataset(folder / "d.json", storage); }), "nests deeper than a dataset file does"));
  write_file(folder / "d.json", "");
  std::filesystem::resize_file(folder / "d.json", (64 << 20) + 1);
  CHECK(contains(problem_of([&] { read_dataset(folder / "d.json", storage); }), "more than any dataset file"));
  CHECK(contains(problem_of([&] { read_dataset(folder / "none.json", storage); }), "does not exist"));
}
