// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/head_exchange.hpp"

#include "tests/parallel/collective_cases.hpp"
#include "tests/trainer/kernels/kernel_inputs.hpp"
#include "trainer/arena.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("head exchange: each rank gets its piece from each other, of sizes that differ") {
  CHECK(on_threads(3, [](Communicator& group, Failures& failures) {
          Arena scratch;
          const std::vector<std::int64_t> heads = {2, 0, 3};
          const std::int64_t mine = heads[static_cast<std::size_t>(group.rank())];
          int got = 0;
          exchange_pieces(
              group, {2, 4, 5, at::kDouble}, heads, [&](int rank, const at::Tensor& piece) { piece.fill_(10 * group.rank() + rank); },
              {mine, mine, mine},
              [&](int rank, const at::Tensor& piece) {
                ++got;
                failures.expect(piece.sizes() == at::IntArrayRef({2, 4, mine, 5}), "size of a piece");
                if (mine > 0) failures.expect((piece == 10 * rank + group.rank()).all().item<bool>(), "what came");
              },
              scratch);
          failures.expect(got == 3, "a piece from each");
        }) == "");
}

TEST_CASE("head exchange: rows go where their positions lie, and come back") {
  const PositionRuns rows = {{1, 2, 1}, {4, 2, 3}};  // 1 2, 4 7
  const at::Tensor piece = normals({2, 4, 3}, 1), whole = garbage({2, 8, 3}), back = garbage({2, 4, 3});
  Arena memory;
  scatter_rows(Views(memory), whole, rows, piece);
  CHECK(whole.select(1, 1).equal(piece.select(1, 0)));
  CHECK(whole.select(1, 2).equal(piece.select(1, 1)));
  CHECK(whole.select(1, 4).equal(piece.select(1, 2)));
  CHECK(whole.select(1, 7).equal(piece.select(1, 3)));
  CHECK(whole.select(1, 3).isnan().all().item<bool>());
  collect_rows(Views(memory), back, whole, rows);
  CHECK(back.equal(piece));
}
