// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/statistics.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("a store is counted by hand") {
  TemporaryFolder folder;
  InspectingStorage storage;
  make_store(folder / "a.h5", {{"ab"}, {"b"}, {"ab", Split::validation}, {"cccc"}}, storage);
  const TokenStores store = open_stores({folder / "a.h5"}, storage);

  const StoreStatistics all = store_statistics(store, {}, 2);
  CHECK(all.documents == 4);
  CHECK(all.tokens == 13);
  CHECK(all.shortest == 2);
  CHECK(all.median == 3);
  CHECK(all.longest == 5);
  CHECK(all.lengths == std::vector<std::int64_t>{0, 3, 1});
  CHECK(all.top == std::vector<TokenCount>{{'c', 4}, {256, 4}});
  CHECK(all.different_tokens == 4);
  CHECK(all.duplicates == 1);

  const StoreStatistics train = store_statistics(store, Split::train, 100);
  CHECK(train.documents == 3);
  CHECK(train.duplicates == 0);
  CHECK(train.top.size() == 4);
  CHECK(store_statistics(store, Split::test, 1).lengths.empty());
}
