// SPDX-License-Identifier: Apache-2.0
#include "tests/parallel/cuda_probe.hpp"
#include "tests/support/skip.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("plugin_device: our numbers are CUDA's") {
  if (const std::string why = no_plugin(full_set()); !why.empty()) return test::skip(why);
  const Probed probed = probe_cuda("open", full_set());
  INFO(probed.output);
  CHECK(probed.says("cuda 35: CUDA driver version is insufficient for CUDA runtime version"));
  CHECK(probed.says("cuda 100: no CUDA-capable device is detected"));
}

}  // namespace ergon
