// SPDX-License-Identifier: Apache-2.0
#include "trainer/flop_audit.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("the audit adds up by phase") {
  FlopAudit audit;
  audit.gemm(2, 3, 5);
  {
    const FlopAudit::Scope scope(audit, Phase::backward);
    audit.gemm(1, 1, 1);
    audit.attention({10, 12, 5, false}, 8);
  }
  audit.gemm(1000000, 1000000, 1000000000);
  CHECK(audit.gemm(Phase::backward) == Flops{2});
  CHECK(audit.attention(Phase::backward) == Flops{2 * 8 * 12 * 5});
  CHECK(audit.attention_visible(Phase::backward) == Flops{2 * 8 * 10 * 5});
  CHECK(to_decimal(audit.gemm(Phase::forward)) == "2000000000000000000060");
  CHECK_FALSE(audit.declared());
  audit.attention({1, 1, 2, true}, 8);
  CHECK(audit.declared());
  audit.reset();
  CHECK(audit.gemm(Phase::forward) == Flops{0});
}
