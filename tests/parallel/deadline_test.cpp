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

}  // namespace ergon
