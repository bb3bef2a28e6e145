// SPDX-License-Identifier: Apache-2.0
#include "configs/keys.hpp"
#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::overridden;
using test::refused;

TEST_CASE("[mesh] writes its section and keeps its ranges") {
  CHECK(keys_mesh().size() == 14);
  MeshSection mesh =
      overridden({"mesh.dp=2", "mesh.tp=4", "mesh.order=pp-dp-cp-tp", "mesh.zero=1", "mesh.bucket=1 MiB", "mesh.schedule=1f1b"}).mesh;
  CHECK(mesh.dp == 2);
  CHECK(mesh.tp == 4);
  CHECK(mesh.order == "pp-dp-cp-tp");
  CHECK(mesh.zero == 1);
  CHECK(mesh.bucket.value == 1 << 20);
  CHECK(refused({"mesh.tp=0"}).find("mesh.tp takes a whole number from 1 to 1048576, not 0") != std::string::npos);
  for (const char* order : {"tp-cp-dp", "tp-cp-dp-dp", "tp-cp-dp-pp-", "tp,cp,dp,pp", "''"})
    CHECK(refused({fmt::format("mesh.order={}", order)}).find("mesh.order takes tp, cp, dp and pp, each once, joined by '-', not ") !=
          std::string::npos);
  CHECK(refused({"mesh.zero=2"}) ==
        "override 'mesh.zero=2': mesh.zero takes a whole number 0|1|3, not 2\n  hint: 1 shards the optimizer state, 3 parameters and "
        "gradients too");
  CHECK(refused({"mesh.zero=5"}).find("mesh.zero takes a whole number from 0 to 3, not 5") != std::string::npos);
  CHECK(refused({"mesh.bucket=25 Mi"}).find("mesh.bucket takes a size in bytes above 0: '25 Mi' has the unknown unit 'Mi'") !=
        std::string::npos);
}
