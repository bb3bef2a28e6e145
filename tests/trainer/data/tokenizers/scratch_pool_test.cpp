// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/scratch_pool.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("scratch_pool: what came back is lent again, and two at once are two") {
  ScratchPool<int> pool;
  {
    const auto one = pool.lend();
    const auto other = pool.lend();
    *one = 1;
    *other = 2;
    CHECK(one.operator->() != other.operator->());
  }
  const auto again = pool.lend();
  CHECK((*again == 1 || *again == 2));
}
