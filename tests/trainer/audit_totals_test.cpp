// SPDX-License-Identifier: Apache-2.0
#include "trainer/audit_totals.hpp"

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("counts are summed over ranks exactly, beyond 64 bits") {
  run_local_ranks(3, [](std::unique_ptr<Communicator> world) {
    FlopAudit audit;
    audit.enter(Phase::backward);
    for (int i = 0; i < 5; ++i) audit.gemm(std::int64_t{1} << 31, std::int64_t{1} << 31, (std::int64_t{1} << 31) + world->rank());
    const AuditTotals totals = total_over_ranks(audit, *world);
    const unsigned __int128 square = static_cast<unsigned __int128>(1) << 62;
    const unsigned __int128 expected = 10 * square * (3 * (static_cast<unsigned __int128>(1) << 31) + 3);
    if (totals[static_cast<int>(Phase::backward)].gemm.value != expected) throw std::runtime_error("wrong sum");
    if (totals[static_cast<int>(Phase::forward)].gemm.value != 0) throw std::runtime_error("wrong phase");
  });
}

TEST_CASE("a difference names phase and kind") {
  AuditTotals predicted, executed;
  executed[static_cast<int>(Phase::backward)].attention = Flops{7};
  CHECK_NOTHROW(check_audit(predicted, predicted));
  try {
    check_audit(executed, predicted);
    FAIL("accepted");
  } catch (const Bug& bug) {
    CHECK_THAT(bug.what(), Catch::Contains("attention FLOPs of the backward phase: 7 executed, 0 predicted"));
  }
}
