// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/data_store.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;

TEST_CASE("a generated store is sound, as long as asked for, the same each time, and removed") {
  test::TemporaryFolder folder;
  test::InspectingStorage storage;
  const auto hash = [&] {
    const GeneratedStore generated(folder.path(), 10'000);
    const TokenStore store(generated.path(), storage);
    store.verify();
    CHECK(store.info().tokens >= 10'000);
    CHECK(store.info().tokens < 11'201);
    CHECK(store.info().token_bytes == 2);
    return store.info().content_hash;
  };
  CHECK(hash() == hash());
  CHECK(storage.list(folder.path()).empty());
}
