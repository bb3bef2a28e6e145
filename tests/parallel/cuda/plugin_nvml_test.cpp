// SPDX-License-Identifier: Apache-2.0
#include "tests/parallel/cuda_probe.hpp"
#include "tests/support/skip.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("plugin_nvml: without a driver every call says so and no figure is invented") {
  if (const std::string why = no_plugin(full_set()); !why.empty()) return test::skip(why);
  if (driver_here()) return test::skip("this machine has a driver");
  const Probed probed = probe_cuda("nvml", full_set());
  INFO(probed.output);
  CHECK(probed.code == 0);
  CHECK(probed.says(
      "nvml open 12 (libnvidia-ml.so.1 is not on this machine: no NVIDIA driver), driver 12 '', devices 12 0, reading 12 power -1"));
}

}  // namespace ergon
