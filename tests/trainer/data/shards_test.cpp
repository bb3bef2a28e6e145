// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/shards.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

// Document d of unit u holds the byte 'a' + d, d + 1 times; it comes of file 3u + 2d.
const Spool& fill(const Spool& spool, const std::vector<std::int64_t>& units) {
  for (std::size_t u = 0; u < units.size(); ++u) {
    Spool::Writer writer(spool, static_cast<std::int64_t>(u));
    for (std::int64_t d = 0; d < units[u]; ++d)
      writer.add(std::vector<std::int32_t>(static_cast<std::size_t>(d + 1), static_cast<std::int32_t>('a' + d)), 256,
                 {.file = static_cast<std::uint32_t>(3 * static_cast<std::int64_t>(u) + 2 * d), .split = d % 2 == 1 ? 1U : 0U});
    writer.finish({}, {});
  }
  return spool;
}

}  // namespace

TEST_CASE("documents and their tokens are given in order, in any range, without duplicates") {
  TemporaryFolder folder;
  Storage storage;
  const Spool spool(folder.path(), {}, 2, storage);
  fill(spool, {2, 0, 3});
  const SpooledDocuments all(spool, {2, 0, 3}, {}), some(spool, {2, 0, 3}, {false, true, false, true, false});

  const auto text = [](const SpooledDocuments& documents, std::int64_t begin, std::int64_t end) {
    std::string text;
    documents.tokens(begin, end, [&](std::span<const std::byte> piece) {
      REQUIRE(piece.size() % 2 == 0);
      for (std::size_t i = 0; i < piece.size(); i += 2) text += piece[i + 1] == std::byte{1} ? '|' : static_cast<char>(piece[i]);
    });
    std::int64_t tokens = 0;
    documents.each(begin, end, [&](std::int64_t, const SpoolDocument& one) { tokens += one.tokens; });
    CHECK(tokens == std::ssize(text));
    return text;
  };
  CHECK(all.size() == 5);
  CHECK(text(all, 0, 5) == "a|bb|a|bb|ccc|");
  CHECK(text(all, 1, 4) == "bb|a|bb|");
  CHECK(text(some, 0, 5) == "a|a|ccc|");
  CHECK(text(some, 1, 4) == "a|");
}

TEST_CASE("shards end at the limits, and the files between their documents are shared out") {
  TemporaryFolder folder;
  Storage storage;
  const Spool spool(folder.path(), {}, 2, storage);
  fill(spool, {2, 0, 3});
  const SpooledDocuments documents(spool, {2, 0, 3}, {});
  struct Row {
    std::int64_t begin, end, documents, tokens, first_file, end_file;
    bool operator==(const Row&) const = default;
  };
  const auto plan = [&](const SpooledDocuments& from, std::int64_t bytes, std::int64_t count) {
    std::vector<Row> rows;
    for (const ShardPlan& s : plan_shards(from, {{bytes}, count}, 2, 20))
      rows.push_back({s.begin, s.end, s.documents, s.tokens, s.first_file, s.end_file});
    return rows;
  };
  // Tokens 2 3 2 3 4, files 0 2 6 8 10.
  CHECK(plan(documents, 1000, 1000) == std::vector<Row>{{0, 5, 5, 14, 0, 20}});
  CHECK(plan(documents, 14, 1000) == std::vector<Row>{{0, 3, 3, 7, 0, 7}, {3, 5, 2, 7, 7, 20}});
  CHECK(plan(documents, 1000, 2) == std::vector<Row>{{0, 2, 2, 5, 0, 3}, {2, 4, 2, 5, 3, 9}, {4, 5, 1, 4, 9, 20}});
  CHECK(plan(documents, 1, 1000).size() == 5);
  const SpooledDocuments some(spool, {2, 0, 3}, {false, false, true, false, true});
  CHECK(plan(some, 10, 1000) == std::vector<Row>{{0, 2, 2, 5, 0, 3}, {3, 4, 1, 3, 3, 20}});
  CHECK(plan(SpooledDocuments(spool, {}, {}), 10, 1000).empty());
}

TEST_CASE("a shard is a store of its documents") {
  TemporaryFolder folder;
  InspectingStorage storage;
  std::filesystem::create_directories(folder / "spool");
  const Spool spool(folder / "spool", {}, 2, storage);
  fill(spool, {2, 0, 3});
  const SpooledDocuments documents(spool, {2, 0, 3}, {false, true, false, false, false});
  const auto tokenizer = make_bytes_tokenizer();
  std::int64_t moved = 0;
  const ShardPlan plan = plan_shards(documents, {}, 2, 20).at(0);

  const TokenStoreInfo info = write_shard(folder / "a.h5", documents, plan, *tokenizer, "{}", storage, [&](std::int64_t b) { moved += b; });

  const std::vector<TestDocument> expected = {{"a"}, {"a"}, {"bb", Split::validation}, {"ccc"}};
  CHECK(make_store(folder / "b.h5", expected, storage).content_hash == info.content_hash);
  CHECK(read_file(folder / "a.h5") == read_file(folder / "b.h5"));
  CHECK(moved == 2 * 2 * info.tokens);
}
