// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/token_store_format.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("the content hash sees every attribute and every table") {
  TokenStoreInfo info;
  info.tokenizer_kind = "bytes";
  info.tokens = 3;
  info.documents = 1;
  TokenStoreTables tables;
  tables.offsets = {0, 3};
  tables.splits[0] = {{0, 1}};
  tables.crc = {5};
  tables.sources = "{}";
  const std::string hash = content_hash(info, tables);
  const auto differs = [&](auto change) {
    TokenStoreInfo i = info;
    TokenStoreTables t = tables;
    change(i, t);
    return content_hash(i, t) != hash;
  };
  using I = TokenStoreInfo&;
  using T = TokenStoreTables&;

  CHECK(differs([](I i, T) { i.tokenizer_kind = "changed"; }));
  CHECK(differs([](I i, T) { i.tokenizer_sha256 = "changed"; }));
  CHECK(differs([](I i, T) { i.vocabulary++; }));
  CHECK(differs([](I i, T) { i.eod++; }));
  CHECK(differs([](I i, T) { i.bos++; }));
  CHECK(differs([](I i, T) { i.pad++; }));
  CHECK(differs([](I i, T) { i.tokens++; }));
  CHECK(differs([](I i, T) { i.documents++; }));
  CHECK(differs([](I i, T) { i.crc_block++; }));
  CHECK(differs([](I, T t) { t.offsets[1]++; }));
  CHECK(differs([](I, T t) { t.crc[0]++; }));
  CHECK(differs([](I, T t) { std::swap(t.splits[0], t.splits[1]); }));
  CHECK(differs([](I, T t) { t.tokenizer = "changed"; }));
  CHECK(differs([](I, T t) { t.sources = "[]"; }));
  CHECK_FALSE(differs([](I i, T) { i.uuid = i.content_hash = "changed"; }));
}

TEST_CASE("a uuid is the head of the content hash, marked as version 8") {
  const std::string hash = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

  CHECK(uuid_of(hash) == "00112233-4455-8677-8899-aabbccddeeff");
}
