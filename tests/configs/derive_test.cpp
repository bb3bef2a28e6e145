// SPDX-License-Identifier: Apache-2.0
#include "configs/derive.hpp"

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::overridden;
using test::refused;

TEST_CASE("keys that nobody gave follow from others") {
  ModelShape gpt = overridden({"model.width=768", "model.heads=12"}).model;
  CHECK(gpt.head_width == 64);
  CHECK(gpt.kv_heads == 12);
  CHECK(gpt.ffn_width == 3072);
  // 8/3 of 4096 is 10922.67: the next multiple of 64 is 10944; 8/3 of 192 is 512 exactly.
  CHECK(overridden({"model.width=4096", "model.heads=32", "model.mlp=swiglu"}).model.ffn_width == 10944);
  CHECK(overridden({"model.width=192", "model.mlp=swiglu"}).model.ffn_width == 512);
  CHECK(overridden({"optimizer.lr=1e-5"}).optimizer.minimum_lr == 1e-5 / 10);
  CHECK(overridden({"train.steps=20"}).optimizer.warmup == 20);
  CHECK(overridden({"train.steps=2000"}).optimizer.warmup == 100);
}

TEST_CASE("what was given is kept, even when it equals a default") {
  ModelShape model =
      overridden({"model.width=256", "model.heads=8", "model.kv_heads=4", "model.ffn_width=512", "model.head_width=16"}).model;
  CHECK(model.kv_heads == 4);
  CHECK(model.ffn_width == 512);
  CHECK(model.head_width == 16);
  CHECK(overridden({"optimizer.lr=1e-3", "optimizer.minimum_lr=6e-5"}).optimizer.minimum_lr == 6e-5);
}

TEST_CASE("heads that do not divide the width need a head width") {
  CHECK(refused({"model.heads=5"}) ==
        "override 'model.heads=5': model.heads = 5 does not divide model.width = 128\n  hint: choose a divisor, or set model.head_width");
  CHECK(overridden({"model.heads=5", "model.head_width=24"}).model.head_width == 24);
}
