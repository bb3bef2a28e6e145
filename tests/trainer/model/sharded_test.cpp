// SPDX-License-Identifier: Apache-2.0
// Tensor ranks as MPI processes: each compares itself with the oracle on one rank.
#include "parallel/communicator_mpi.hpp"
#include "tests/trainer/model/sharded_run.hpp"

#include "tests/support/catch.hpp"

namespace ergon::oracle {

TEST_CASE("transformer: tensor ranks as processes equal one rank") {
  for (const ModelShape& shape : variants()) {
    CAPTURE(describe(shape));
    const Errors errors = sharded_errors(reference_step(shape), make_mpi_world());
    CHECK(errors.loss <= tolerance);
    CHECK(errors.gradients <= tolerance);
    CHECK(errors.logits <= tolerance);
    CHECK(errors.evaluation <= tolerance);
  }
}

}  // namespace ergon::oracle
