// SPDX-License-Identifier: Apache-2.0
#include "configs/keys.hpp"
#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::overridden;
using test::refused;

TEST_CASE("[model] writes its section and keeps its ranges") {
  CHECK(keys_model().size() == 20);
  ModelShape model =
      overridden({"model.layers=3", "model.width=64", "model.heads=8", "model.dropout=0.25", "model.mlp=swiglu", "model.tied=false"}).model;
  CHECK(model.layers == 3);
  CHECK(model.width == 64);
  CHECK(model.dropout == 0.25);
  CHECK(model.mlp == Mlp::swiglu);
  CHECK_FALSE(model.tied);
  CHECK(model.causal);
  CHECK_FALSE(overridden({"model.causal=false"}).model.causal);
  CHECK(refused({"model.window=-1"}) == "override 'model.window=-1': model.window takes a whole number from 0 to 16777216, not -1");
  CHECK(refused({"model.dropout=1"}) == "override 'model.dropout=1': model.dropout takes a number in [0, 1), not 1");
  CHECK(refused({"model.layers=2.5"}).find("model.layers takes a whole number from 1 to 65536, not 2.5") != std::string::npos);
  CHECK(refused({"model.vocabulary=1"}).find("model.vocabulary takes a whole number") != std::string::npos);
  CHECK(refused({"model.norm_epsilon=0"}).find("model.norm_epsilon takes a number > 0, not 0") != std::string::npos);
}
