// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/message.hpp"

#include <map>
#include <mutex>

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("messages: what all ranks send for a tensor of so many bytes, rounded up to a float for each rank") {
  using enum Collective;
  const std::map<Collective, std::int64_t> expected = {
      {all_reduce, 2 * 2 * 4092}, {all_gather, 2 * 4092}, {reduce_scatter, 2 * 4092}, {all_to_all, 2 * 4092}, {ring_shift, 3 * 4092}};
  for (const auto& [operation, bytes] : expected) {
    INFO(name(operation));
    std::mutex mutex;
    run_local_ranks(3, [&, operation = operation, bytes = bytes](std::unique_ptr<Communicator> world) {
      BenchMessage message(*world, operation, 4081);
      const std::int64_t sent = message.sent();
      const double seconds = message.time().value;
      const std::lock_guard lock(mutex);
      CHECK(sent == bytes);
      CHECK(seconds > 0);
    });
  }
}

TEST_CASE("messages: an operation without a tensor is none") {
  const auto alone = std::move(make_local_group(1).front());
  CHECK_THROWS_AS(BenchMessage(*alone, Collective::barrier, 4).start(), Bug);
}
