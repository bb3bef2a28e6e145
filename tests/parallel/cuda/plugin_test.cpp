// SPDX-License-Identifier: Apache-2.0
#include "parallel/cuda/plugin.h"

#include "tests/parallel/cuda_probe.hpp"
#include "tests/support/skip.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("plugin: the real one opens with the full set of wheels and says what it is") {
  if (const std::string why = no_plugin(full_set()); !why.empty()) return test::skip(why);
  const Probed probed = probe_cuda("open", full_set());
  INFO(probed.output);
  CHECK(probed.code == 0);
  CHECK(probed.says("tables " + std::to_string(ERGON_CUDA_TABLE_BYTES) + " bytes"));
  CHECK(probed.says("architectures 80 90 100"));
}

}  // namespace ergon
