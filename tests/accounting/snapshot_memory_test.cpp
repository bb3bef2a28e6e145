// SPDX-License-Identifier: Apache-2.0
#include "accounting/snapshot_memory.hpp"

#include "configs/parse.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a save beside training copies masters and moments once; one that blocks copies nothing") {
  RunConfig config = parse_run_text("", "test", {"model.preset=gpt2-124m"}, Purpose::describe);
  CHECK(snapshot_bytes(config).value == 1'493'277'696);
  config.train.dtype = DType::bfloat16;
  CHECK(snapshot_bytes(config).value == 1'493'277'696);
  config.train.dtype = DType::float64;
  CHECK(snapshot_bytes(config).value == 2 * std::int64_t{1'493'277'696});
  config.checkpoint.every = 0;
  CHECK(snapshot_bytes(config).value == 0);
  config.checkpoint.every = 1;
  config.checkpoint.asynchronous = false;
  CHECK(snapshot_bytes(config).value == 0);
}
