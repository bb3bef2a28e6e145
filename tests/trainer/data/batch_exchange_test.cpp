// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/batch_exchange.hpp"

#include "parallel/communicator_local.hpp"
#include "tests/trainer/data/loader_cases.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("one rank of each data coordinate reads, its peers receive, counts are summed over data ranks") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(20), storage);
  const MeshSizes mesh{2, 1, 1, 2};
  Findings findings;
  run_local_ranks(4, [&](std::unique_ptr<Communicator> world) {
    ergon::test::InspectingStorage own;
    const TokenSource source({folder / "a.h5"}, Split::train, 4, own);
    const int rank = world->rank(), dp_rank = Mesh(mesh).coordinate(rank, Axis::dp), tp_rank = Mesh(mesh).coordinate(rank, Axis::tp);
    Communicators communicators(Mesh(mesh), std::move(world));
    const LoaderShape shape{3, 2};
    const StepReader reader(source, shape, 2, dp_rank, {});
    BatchExchange exchange(communicators, reader, shape, 4);
    findings.expect(exchange.is_reader() == (tp_rank == 0), "reader");
    for (std::int64_t step = 0; step < 3; ++step) {
      at::Tensor payload = reader.make_payload();
      auto* data = payload.data_ptr<std::int32_t>();
      // Receivers start from rubbish; token = step and data rank, labels ignored at every fourth place, a document from the third on.
      std::fill_n(data, payload.numel(), -7);
      for (std::int64_t i = 0; tp_rank == 0 && i < 6; ++i) {
        PayloadRow row(data + i * payload_words(4, 4), 4, 4);
        row.valid = 3;
        row.begun = 1;
        std::fill_n(data + i * payload_words(4, 4) + 2, 5, static_cast<std::int32_t>(100 * step + 10 * dp_rank));
        std::ranges::copy(std::initializer_list<std::uint8_t>{1, 1, 3, 0}, row.marks.begin());
      }
      exchange.post(payload, {tp_rank == 0 ? 5 + dp_rank : 999, {}});
      const StepCounts counts = exchange.complete();
      findings.expect(counts.valid == 11 && !counts.pairs, "count over data ranks");
      for (const Batch& batch : exchange.microbatches()) {
        findings.expect(batch.valid_tokens == 9, "valid tokens");
        findings.expect(batch.tokens_BT.data_ptr<std::int64_t>()[11] == 100 * step + 10 * dp_rank, "tokens");
        findings.expect(batch.labels_BT.data_ptr<std::int64_t>()[3] == ignored_label, "ignored label");
        findings.expect(batch.positions_BT.data_ptr<std::int64_t>()[6] == 2, "position");
      }
    }
  });
  CHECK(findings.text() == "");
}
