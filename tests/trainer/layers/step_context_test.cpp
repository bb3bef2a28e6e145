// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/step_context.hpp"

#include "tests/trainer/oracle/fixture.hpp"

#include "tests/support/catch.hpp"

namespace ergon::oracle {

TEST_CASE("step context: dropout is off outside training, and its counter is global") {
  const ModelShape shape = variants()[1];
  LayerUnderTest test(shape);
  Rank& rank = test.rank;
  const Batch batch = make_batch(shape, 2, 5, 1, 0, 6);
  const LayerCall call = rank.call(batch);
  const Dropout training = dropout_of(call, shape, 4, DropoutSite::residual_mlp);
  CHECK(training.p == 0.2);
  CHECK(training.seed == 11);
  CHECK(training.step == 3);
  CHECK(training.layer == 4);
  CHECK(training.first_sample == 6);
  CHECK(training.sequence == 12);
  CHECK(call.rows() == 10);
  rank.context.training = false;
  CHECK(dropout_of(call, shape, 4, DropoutSite::residual_mlp).p == 0.0);
  sum_over_tp(call, batch.tokens_BT).wait();  // one rank: no operation, or solo() would throw
}

}  // namespace ergon::oracle
