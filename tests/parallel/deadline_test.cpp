// SPDX-License-Identifier: Apache-2.0
#include "parallel/deadline.hpp"

#include <atomic>

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("deadline: in time nothing happens, late it happens once") {
  std::atomic<int> late = 0;
  {
    const Deadline deadline(Seconds{60}, [&] { ++late; });
  }
  CHECK(late == 0);
  {
    const Deadline deadline(Seconds{0.01}, [&] { ++late; });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  CHECK(late == 1);
}

TEST_CASE("deadline: a call that hangs is left behind") {
  static std::atomic<int> done;
  done = 0;
  run_within(Seconds{60}, [] { ++done; });
  CHECK(done == 1);
  const auto start = std::chrono::steady_clock::now();
  run_within(Seconds{0.05}, [] {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    ++done;
  });
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(900));
  CHECK(done == 1);
}

}  // namespace ergon
