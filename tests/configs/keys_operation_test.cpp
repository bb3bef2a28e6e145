// SPDX-License-Identifier: Apache-2.0
#include "configs/keys.hpp"
#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::overridden;
using test::refused;

TEST_CASE("[checkpoint], [watchdog], [accounting] and [launch] write their sections and keep their ranges") {
  CHECK(keys_operation().size() == 2 + 4 + 2 + 3);
  RunConfig config = overridden(
      {"checkpoint.every=0", "watchdog.step=90", "accounting.peak=H100-SXM", "accounting.budget=10 pfs-days", "launch.time=4 h"});
  CHECK(config.checkpoint.every == 0);
  CHECK(config.watchdog.step.value == 90);
  CHECK(config.accounting.peak == "H100-SXM");
  CHECK(to_decimal(config.accounting.budget) == "864000000000000000000");
  CHECK(config.launch.time.value == 14400);
  CHECK(to_decimal(overridden({"accounting.budget=1e21"}).accounting.budget) == "1000000000000000000000");
  CHECK(overridden({"accounting.peak="}).accounting.peak.empty());

  CHECK(refused({"checkpoint.keep=0"}).find("checkpoint.keep takes a whole number >= 1, not 0") != std::string::npos);
  CHECK(refused({"watchdog.abort=0"}).find("watchdog.abort takes a time > 0, not 0") != std::string::npos);
  CHECK(refused({"accounting.peak=h100"}).find("accounting.peak: there is no device 'h100' in the table of peaks") != std::string::npos);
  CHECK(refused({"accounting.budget=-1"}).find("accounting.budget takes a number of FLOPs: '-1' is not a number of FLOPs") !=
        std::string::npos);
}
