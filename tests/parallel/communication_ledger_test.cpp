// SPDX-License-Identifier: Apache-2.0
#include "parallel/communication_ledger.hpp"

#include <ATen/ops/zeros.h>

#include <thread>

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"
#include "parallel/communicator_mpi.hpp"
#include "tests/parallel/collective_cases.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

void check_sum(Communicator& group, Failures& failures) {
  const int n = group.size(), me = group.rank();
  CommunicationLedger ledger;
  group.observe(&ledger);
  for (int i = 0; i < 3; ++i) group.all_reduce(at::zeros({7}, at::kFloat)).wait();
  group.barrier().wait();
  if (n > 1 && me == 0) group.send(at::zeros({5}, at::kByte), 1).wait();  // only some ranks see these
  if (n > 1 && me == 1) group.recv(at::zeros({5}, at::kByte), 0).wait();
  group.observe(nullptr);
  const std::vector<CommunicationTotal> mine = ledger.totals(), sums = sum_over_ranks(mine, group);
  failures.expect(mine.at(0).operation == Collective::all_reduce && mine.at(0).calls == 3 && mine.at(0).ranks == 1, "own totals");
  failures.expect(sums.size() == (n > 1 ? 4u : 2u), "number of totals");
  failures.expect(sums.at(0).calls == 3 * n && sums.at(0).bytes.value == 3 * 2 * (n - 1) * 28 && sums.at(0).ranks == n &&
                      sums.at(0).group == group.name(),
                  "all_reduce over ranks");
  failures.expect(sums.at(0).seconds >= sums.at(0).exposed && sums.at(0).seconds >= mine.at(0).seconds, "seconds add up");
  failures.expect(sums.back().operation == Collective::barrier && sums.back().bytes.value == 0, "barriers carry no bytes");
  if (n > 1)
    failures.expect(sums.at(1).operation == Collective::send && sums.at(1).bytes.value == 5 && sums.at(1).ranks == 1,
                    "a send that one rank made");
}

}  // namespace

TEST_CASE("communication_ledger: sums over ranks that saw different operations") {
  for (int size : {1, 2, 3}) CHECK(on_threads(size, check_sum) == "");
  CHECK(on_group(*make_mpi_world(), check_sum) == "");
}

TEST_CASE("communication_ledger: adds up by group and operation, from several threads") {
  CommunicationLedger ledger;
  const auto work = [&] {
    for (int i = 0; i < 1000; ++i) {
      ledger.completed({"tp", Collective::all_gather, at::kFloat, 3, Bytes{12}, 0, Seconds{0.5}, Seconds{0.25}});
      ledger.completed({"dp", Collective::all_gather, at::kFloat, 3, Bytes{1}, 0, Seconds{0}, Seconds{0}});
    }
  };
  std::thread other(work);
  work();
  other.join();
  const std::vector<CommunicationTotal> totals = ledger.totals();
  REQUIRE(totals.size() == 2);
  CHECK(ledger.exposed().value == 2000 * 0.25);
  CHECK(totals[0].group == "dp");
  CHECK(totals[0].bytes.value == 2000);
  CHECK(totals[1].calls == 2000);
  CHECK(totals[1].bytes.value == 24000);
  CHECK(totals[1].seconds.value == 1000.0);
  CHECK(totals[1].exposed.value == 500.0);
  ledger.reset();
  CHECK(ledger.totals().empty());
}

TEST_CASE("communication_ledger: a group name that does not fit the wire is a bug") {
  auto group = make_local_group(1);
  CHECK_THROWS_AS(sum_over_ranks({{std::string(60, 'x'), Collective::send}}, *group[0]), Bug);
}

}  // namespace ergon
