// SPDX-License-Identifier: Apache-2.0
#include "configs/key_hint.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("the key that was meant: of this name elsewhere, near it in its section, near it anywhere") {
  CHECK(key_hint("steps") == "did you mean 'train.steps'?");
  CHECK(key_hint("mesh.lr") == "did you mean 'optimizer.lr'?");
  CHECK(key_hint("train.stps") == "did you mean 'train.steps'?");
  CHECK(key_hint("model.warmpu") == "did you mean 'optimizer.warmup'?");
  CHECK(key_hint("mesh.ordr") == "did you mean 'mesh.order'?");
  CHECK(key_hint("model.zzz") == "`ergon train --help` lists all keys");
}
