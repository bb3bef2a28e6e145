// SPDX-License-Identifier: Apache-2.0
#include "trainer/process.hpp"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("threads are set and no tape is recorded") {
  prepare_process(2);
  CHECK(at::get_num_threads() == 2);
  CHECK_FALSE(c10::GradMode::is_enabled());
  prepare_process(1);
  CHECK(at::get_num_threads() == 1);
}
