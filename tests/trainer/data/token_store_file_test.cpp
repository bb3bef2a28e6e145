// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/token_store_file.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

// A store of `count` ids in documents of 1000, its bytes given in pieces of `piece`.
struct Made {
  TokenStoreInfo info;
  TokenStoreTables tables;
  std::vector<std::byte> bytes;
  TokenBytes tokens;
};

Made make(std::int64_t count, std::size_t piece) {
  Made made;
  made.info = token_store_info(*make_bytes_tokenizer());
  made.info.tokens = count;
  made.tables.sources = "{}";
  for (std::int64_t t = 0; t < count; ++t) {
    made.bytes.push_back(static_cast<std::byte>(t % 251));
    made.bytes.push_back(std::byte{0});
  }
  for (std::int64_t at = 0; at < count; at += 1000) {
    made.tables.offsets.push_back(static_cast<std::uint64_t>(at));
    add_to_split(made.tables, static_cast<std::uint64_t>(made.info.documents++), at % 3000 == 0 ? Split::validation : Split::train);
  }
  made.tables.offsets.push_back(static_cast<std::uint64_t>(count));
  made.tokens = [bytes = made.bytes, piece](const std::function<void(std::span<const std::byte>)>& consume) {
    for (std::size_t at = 0; at < bytes.size(); at += piece) consume(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
  };
  made.tables.crc = block_checksums(made.tokens);
  return made;
}

}  // namespace

TEST_CASE("a store is the same whatever pieces its tokens come in") {
  TemporaryFolder folder;
  InspectingStorage storage;
  std::string first;
  for (const std::size_t piece : {std::size_t{7}, std::size_t{16384}, std::size_t{3'000'000}}) {
    const Made made = make(700'000, piece);
    const TokenStoreInfo info = write_token_store(folder / "a.h5", made.info, made.tables, made.tokens, storage);
    const TokenStore store(folder / "a.h5", storage);
    store.verify();
    CHECK(store.info().uuid == info.uuid);
    std::vector<std::int32_t> ids(10);
    store.read(600'000, ids);
    CHECK(ids[3] == 600'003 % 251);
    if (first.empty()) first = read_file(folder / "a.h5");
    CHECK((read_file(folder / "a.h5") == first));
  }
}

TEST_CASE("tokens that change between the passes are noticed, and no store is left") {
  TemporaryFolder folder;
  InspectingStorage storage;
  Made made = make(50'000, 1000);
  made.tables.crc[2] ^= 1;
  CHECK(contains(problem_of([&] { write_token_store(folder / "a.h5", made.info, made.tables, made.tokens, storage); }),
                 "block 2 was not read back as it was written"));
  CHECK(storage.list(folder.path()).empty());
}
