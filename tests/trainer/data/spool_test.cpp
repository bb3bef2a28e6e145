// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/spool.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

Digest digest(int seed) {
  Digest one = {};
  one[0] = static_cast<std::byte>(seed);
  return one;
}

// Documents of 3 and 300,000 tokens and their eod.
void write(const Spool& spool, std::int64_t unit, const Digest& input) {
  std::vector<std::int32_t> large(300'000);
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<std::int32_t>(i % 60'000);
  Spool::Writer writer(spool, unit);
  writer.add(std::vector<std::int32_t>{1, 2, 3}, 9, {.text_bytes = 5, .file = 7, .split = 1});
  writer.add(large, 9, {.text_bytes = 6, .file = 8, .split = 0});
  writer.finish({.empty_documents = 4}, input);
}

}  // namespace

TEST_CASE("a segment gives back its tokens, its table and its counts") {
  for (const std::int64_t width : {2, 4}) {
    TemporaryFolder folder;
    Storage storage;
    const Spool spool(folder.path(), digest(1), width, storage);
    CHECK_FALSE(spool.find(5, digest(2)));
    write(spool, 5, digest(2));

    const auto found = spool.find(5, digest(2));

    REQUIRE(found);
    CHECK(found->documents == 2);
    CHECK(found->tokens == 300'005);
    CHECK(found->empty_documents == 4);
    const auto table = spool.table(5);
    REQUIRE(table.size() == 2);
    CHECK(table[0].tokens == 4);
    CHECK(table[0].file == 7);
    CHECK(table[1].tokens == 300'001);
    CHECK(table[1].text_bytes == 6);
    std::vector<std::byte> bytes;
    spool.tokens(5, [&](std::span<const std::byte> piece) { bytes.insert(bytes.end(), piece.begin(), piece.end()); });
    REQUIRE(std::ssize(bytes) == 300'005 * width);
    CHECK(bytes[static_cast<std::size_t>(2 * width)] == std::byte{3});
    CHECK(bytes[static_cast<std::size_t>(3 * width)] == std::byte{9});
    CHECK_FALSE(storage.exists(folder / "unit_0000000005.tmp"));
  }
}

TEST_CASE("a segment that is torn or damaged anywhere is not found, and not read") {
  TemporaryFolder folder;
  Storage storage;
  const Spool spool(folder.path(), digest(1), 2, storage);
  write(spool, 0, digest(2));
  const std::string path = folder / "unit_0000000000", whole = read_file(path);
  for (std::size_t at = 0; at < whole.size(); at += whole.size() / 11) {
    write_file(path, whole);
    flip_bit(path, static_cast<std::int64_t>(at));
    CHECK_FALSE(spool.find(0, digest(2)));
    write_file(path, whole.substr(0, at));
    CHECK_FALSE(spool.find(0, digest(2)));
  }
  for (std::size_t at = whole.size() - 224; at < whole.size(); ++at) {  // table and footer
    write_file(path, whole);
    flip_bit(path, static_cast<std::int64_t>(at), 5);
    CHECK_FALSE(spool.find(0, digest(2)));
    CHECK(contains(problem_of([&] { spool.table(0); }), "was not read back as it was written"));
  }
  write_file(path, whole);
  flip_bit(path, 500'000);
  CHECK(contains(problem_of([&] { spool.tokens(0, [](std::span<const std::byte>) {}); }), "was not read back as it was written"));
}

TEST_CASE("a segment of other input is refused, one of another plan or width is no segment") {
  TemporaryFolder folder;
  Storage storage;
  write(Spool(folder.path(), digest(1), 2, storage), 3, digest(2));
  CHECK(contains(problem_of([&] { Spool(folder.path(), digest(1), 2, storage).find(3, digest(4)); }), "the input has changed since"));
  CHECK_FALSE(Spool(folder.path(), digest(5), 2, storage).find(3, digest(2)));
  CHECK_FALSE(Spool(folder.path(), digest(1), 4, storage).find(3, digest(2)));
  Spool(folder.path(), digest(1), 2, storage).refuse_beyond(4);
  CHECK(contains(problem_of([&] { Spool(folder.path(), digest(1), 2, storage).refuse_beyond(3); }), "it was longer then"));
}

TEST_CASE("a writer that does not finish leaves no segment, and the next one is not in its way") {
  TemporaryFolder folder;
  Storage storage;
  const Spool spool(folder.path(), digest(1), 2, storage);
  { Spool::Writer unfinished(spool, 0); }
  CHECK_FALSE(spool.find(0, digest(2)));
  write(spool, 0, digest(2));
  CHECK(spool.find(0, digest(2)));
}
