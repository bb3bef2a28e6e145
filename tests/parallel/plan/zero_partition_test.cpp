// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/zero_partition.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("zero_partition: the header's example") {
  const ZeroPartition cut({{{64, 160}, 1, 1}, {{0, 64}, 0, 0}}, 2);
  CHECK(cut.shard_elements() == 80);
  CHECK(cut.owned(0, 1) == ElementRange{112, 160});
  CHECK(cut.owned(1, 1) == ElementRange{32, 64});
  CHECK(cut.in_shard(0) == ElementRange{0, 48});
  CHECK(cut.in_shard(1) == ElementRange{48, 80});
  CHECK(cut.runs(0, {60, 120}) == std::vector<OwnedRun>{{0, {4, 52}, {0, 48}}});
  CHECK(cut.runs(1, {60, 120}) == std::vector<OwnedRun>{{0, {52, 60}, {0, 8}}, {1, {0, 4}, {76, 80}}});
}

TEST_CASE("zero_partition: the runs of a tensor that is cut through its rows cover it, and each lies where its owner has it") {
  for (const int ranks : {1, 2, 3, 8}) {
    const std::int64_t half = 48 * ranks;
    const ZeroPartition cut({{{half, 3 * half}, 1, 2}, {{0, half}, 0, 0}}, ranks);
    CHECK(cut.shard_elements() == 3 * 48);
    const ElementRange tensor{half - 5, half - 5 + 8 * 7};
    const Extents shape = {8, 7};
    std::vector<Piece> pieces;
    for (int rank = 0; rank < ranks; ++rank)
      for (const OwnedRun& run : cut.runs(rank, tensor)) {
        CHECK(run.of_tensor.size() == run.in_shard.size());
        CHECK(tensor.begin + run.of_tensor.begin - cut.owned(run.bucket, rank).begin ==
              run.in_shard.begin - cut.in_shard(run.bucket).begin);
        pieces.push_back({whole(shape), run.of_tensor});
      }
    CHECK_NOTHROW(check_cover("tensor", shape, pieces));
  }
}

TEST_CASE("zero_partition: parts that would not be equal, and ranks that are not there, are bugs") {
  CHECK_THROWS_AS(ZeroPartition({{{0, 9}, 0, 0}}, 2), Bug);
  CHECK_THROWS_AS(ZeroPartition({}, 0), Bug);
  CHECK_THROWS_AS(ZeroPartition({{{0, 10}, 0, 0}}, 2).owned(0, 2), Bug);
}

}  // namespace ergon
