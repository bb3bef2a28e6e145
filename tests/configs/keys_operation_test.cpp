// SPDX-License-Identifier: Apache-2.0
#include "configs/keys.hpp"
#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::overridden;
using test::refused;

TEST_CASE("[checkpoint], [recovery], [watchdog] and [accounting] write their sections and keep their ranges") {
  CHECK(keys_operation().size() == 5 + 3 + 4 + 2);
  RunConfig config = overridden(
      {"checkpoint.every=0", "watchdog.step=90", "accounting.peak=H100-SXM", "accounting.budget=10 pfs-days", "launch.time=4 h"});
  CHECK(config.checkpoint.every == 0);
  CHECK(config.watchdog.step.value == 90);
  CHECK(config.accounting.peak == "H100-SXM");
  CHECK(to_decimal(config.accounting.budget) == "864000000000000000000");
  CHECK(config.launch.time.value == 14400);
  CHECK(to_decimal(overridden({"accounting.budget=1e21"}).accounting.budget) == "1000000000000000000000");
  CHECK(overridden({"accounting.peak="}).accounting.peak.empty());

  config = overridden({"checkpoint.keep_every=1000", "checkpoint.keep_best=true", "checkpoint.asynchronous=false", "recovery.returns=2",
                       "recovery.spike=4.5", "recovery.window=64"});
  CHECK(config.checkpoint.keep_every == 1000);
  CHECK(config.checkpoint.keep_best);
  CHECK_FALSE(config.checkpoint.asynchronous);
  CHECK(config.recovery == RecoverySection{2, 4.5, 64});

  CHECK(refused({"checkpoint.keep_every=-1"}).find("checkpoint.keep_every takes a whole number >= 0, not -1") != std::string::npos);
  CHECK(refused({"checkpoint.asynchronous=2"}).find("checkpoint.asynchronous takes true or false") != std::string::npos);
  CHECK(refused({"recovery.spike=-1"}).find("recovery.spike takes a number >= 0, not -1") != std::string::npos);
  CHECK(refused({"recovery.window=1"}).find("recovery.window takes a whole number from 2 to 1048576, not 1") != std::string::npos);
  CHECK(refused({"checkpoint.keep=0"}).find("checkpoint.keep takes a whole number >= 1, not 0") != std::string::npos);
  CHECK(refused({"watchdog.abort=0"}).find("watchdog.abort takes a time > 0, not 0") != std::string::npos);
  CHECK(refused({"accounting.peak=h100"}).find("accounting.peak: there is no device 'h100' in the table of peaks") != std::string::npos);
  CHECK(refused({"accounting.budget=-1"}).find("accounting.budget takes a number of FLOPs: '-1' is not a number of FLOPs") !=
        std::string::npos);
}
