// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/duplicates.hpp"

#include <map>

#include "configs/sha256.hpp"
#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

SpoolDocument document(int text) {
  Sha256 hash;
  hash.add(std::to_string(text));
  const Digest digest = hash.digest();
  SpoolDocument one = {};
  std::copy_n(digest.begin(), 16, one.hash.begin());
  return one;
}

}  // namespace

TEST_CASE("every document whose text came before is a duplicate, however many partitions there are") {
  TemporaryFolder folder;
  Storage storage;
  const Spool spool(folder.path(), {}, 2, storage);
  std::map<int, int> seen;
  std::vector<bool> expected;
  for (int unit = 0; unit < 4; ++unit) {
    Spool::Writer writer(spool, unit);
    for (int d = 0; d < 700 + unit; ++d) {
      const int text = (unit * 701 + d) * 37 % 1999 * (d % 3);
      expected.push_back(seen[text]++ > 0);
      writer.add({}, 0, document(text));
    }
    writer.finish({}, {});
  }
  for (const std::int64_t memory : {1 << 20, 10'000, 500})
    CHECK(find_duplicates(spool, 4, std::ssize(expected), storage, memory) == expected);
  CHECK(storage.list(folder.path()).size() == 4);
  CHECK(std::count(expected.begin(), expected.end(), true) > 800);
}

TEST_CASE("texts whose hashes begin alike are told apart") {
  TemporaryFolder folder;
  Storage storage;
  const Spool spool(folder.path(), {}, 2, storage);
  Spool::Writer writer(spool, 0);
  SpoolDocument one = document(1), other = one;
  other.hash[15] ^= std::byte{1};
  for (const SpoolDocument& each : {one, other, one, other}) writer.add({}, 0, each);
  writer.finish({}, {});
  CHECK(find_duplicates(spool, 1, 4, storage) == std::vector<bool>{false, false, true, true});
}
