// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/copy_documents.hpp"

#include <nlohmann/json.hpp>

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::optional<Split> keep(const TokenStore&, std::uint64_t, Split now) { return now; }

}  // namespace

TEST_CASE("documents keep ids, order, splits and answers") {
  TemporaryFolder folder;
  InspectingStorage storage;
  make_store(folder / "a.h5", {{"one"}, {"two", Split::validation}}, storage);
  const auto tokenizer = make_bytes_tokenizer();
  TokenStoreWriter writer(folder / "b.h5", *tokenizer, storage);
  writer.add(std::vector<std::int32_t>{1, 2, 3}, Split::test, 2);
  writer.finish("{}");

  const CopySummary summary = copy_documents({folder / "a.h5", folder / "b.h5"}, folder / "c.h5", Existing::refuse, storage, keep);

  const TokenStore store(folder / "c.h5", storage);
  std::vector<std::int32_t> ids(static_cast<std::size_t>(store.info().tokens));
  store.read(0, ids);
  CHECK(ids == std::vector<std::int32_t>{'o', 'n', 'e', 256, 't', 'w', 'o', 256, 1, 2, 3, 256});
  CHECK(std::vector<std::uint64_t>(store.answers().begin(), store.answers().end()) == std::vector<std::uint64_t>{0, 0, 2});
  CHECK(store.split(Split::test)[0] == DocumentRange{2, 3});
  CHECK(summary.tokens[0] == 4);
  CHECK(summary.left_out == 0);
}

TEST_CASE("stores may be copied of copies; sources that were written to do harm are refused") {
  TemporaryFolder folder;
  InspectingStorage storage;
  make_store(folder / "0.h5", {{"one"}}, storage);
  for (int copy = 0; copy < 30; ++copy)
    copy_documents({folder / fmt::format("{}.h5", copy)}, folder / fmt::format("{}.h5", copy + 1), Existing::refuse, storage, keep);
  CHECK(parsed_sources(TokenStore(folder / "30.h5", storage)).at("stores").size() == 1);
  for (const std::string& sources : {std::string(500'000, '[') + std::string(500'000, ']'), std::string("no JSON")}) {
    const std::string path = folder / fmt::format("hostile{}.h5", sources.size());
    const auto tokenizer = make_bytes_tokenizer();
    TokenStoreWriter writer(path, *tokenizer, storage);
    writer.add(std::vector<std::int32_t>{1}, Split::train);
    writer.finish(sources);
    CHECK(contains(problem_of([&] { copy_documents({path}, folder / "copy.h5", Existing::refuse, storage, keep); }),
                   "its /sources is no JSON, or nests too deep"));
  }
}

TEST_CASE("documents that are seen twice are known by their ids") {
  TemporaryFolder folder;
  InspectingStorage storage;
  make_store(folder / "a.h5", {{"one"}, {"two"}, {"one"}}, storage);
  const TokenStore store(folder / "a.h5", storage);
  SeenDocuments before;
  CHECK(!before.seen(store, 0));
  CHECK(!before.seen(store, 1));
  CHECK(before.seen(store, 2));
  CHECK(contains(problem_of([&] { copy_documents({}, folder / "b.h5", Existing::refuse, storage, keep); }, ExitCode::config), "no store"));
}

TEST_CASE("a document gets the split that an import gives its text") {
  TemporaryFolder folder;
  InspectingStorage storage;
  const auto documents = some_documents(60);
  make_store(folder / "a.h5", documents, storage);
  const TokenStore store(folder / "a.h5", storage);
  for (std::uint64_t d = 0; d < documents.size(); ++d) {
    Sha256 hash;
    hash.add(documents[d].text);
    CHECK(split_again(store, *store.tokenizer(), d, {0.3, 0.2}) == split_at(split_place(hash), {0.3, 0.2}));
  }
}
