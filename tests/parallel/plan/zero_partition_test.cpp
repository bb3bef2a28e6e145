// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/zero_partition.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("zero_partition: the header's example") {
  const ZeroPartition cut = partition_flat(100, 3, 16);
  CHECK(cut.per_rank == 48);
  CHECK(cut.padded() == 144);
  CHECK(cut.range(2) == ElementRange{96, 144});
  CHECK(cut.real(2) == ElementRange{96, 100});
  CHECK(cut.owned(0, {90, 100}) == ElementRange{0, 0});
  CHECK(cut.owned(1, {90, 100}) == ElementRange{0, 6});
  CHECK(cut.owned(2, {90, 100}) == ElementRange{6, 10});
}

TEST_CASE("zero_partition: the pieces of a tensor that is cut through its rows cover it") {
  for (int ranks : {1, 2, 3, 8})
    for (std::int64_t elements : {0, 5, 64, 1000}) {
      const ZeroPartition cut = partition_flat(elements, ranks, 4);
      CHECK(cut.padded() - elements < 4 * ranks);
      std::int64_t real = 0;
      for (int rank = 0; rank < ranks; ++rank) real += cut.real(rank).size();
      CHECK(real == elements);
      if (elements < 64) continue;
      const ElementRange tensor{3, 3 + 56};
      const Extents shape = {8, 7};
      std::vector<Piece> pieces;
      for (int rank = 0; rank < ranks; ++rank) pieces.push_back({whole(shape), cut.owned(rank, tensor)});
      CHECK_NOTHROW(check_cover("tensor", shape, pieces));
    }
  CHECK_THROWS_AS(partition_flat(10, 2).range(2), Bug);
}

}  // namespace ergon
