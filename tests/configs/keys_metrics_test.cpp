// SPDX-License-Identifier: Apache-2.0
#include "configs/keys.hpp"
#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::overridden;
using test::refused;

TEST_CASE("[metrics] is off, writes its section, and refuses what is no address or port") {
  CHECK(keys_metrics().size() == 3);
  CHECK(overridden({}).metrics == MetricsSection{-1, "127.0.0.1", false});
  CHECK(overridden({"metrics.port=0", "metrics.address=0.0.0.0", "metrics.tensorboard=true"}).metrics ==
        MetricsSection{0, "0.0.0.0", true});
  CHECK(refused({"metrics.port=65536"}).find("metrics.port takes a whole number from -1 to 65535") != std::string::npos);
  for (const char* address : {"", "a b", "a/b"})
    CHECK(refused({std::string("metrics.address=\"") + address + "\""}).find("metrics.address takes an address of this machine") !=
          std::string::npos);
}
