// SPDX-License-Identifier: Apache-2.0
#include "configs/validate.hpp"

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::overridden;
using test::parsed;
using test::refusal;
using test::refused;

TEST_CASE("rules of the model") {
  CHECK(refused({"model.kv_heads=3"}) ==
        "override 'model.kv_heads=3': model.kv_heads = 3 does not divide model.heads = 4\n  hint: each key and value head serves heads / "
        "kv_heads query heads");
  CHECK(refused({"model.kv_heads=8"}).find("model.kv_heads = 8 does not divide model.heads = 4") != std::string::npos);
  CHECK(refused({"model.positions=rotary", "model.head_width=33"}) ==
        "override 'model.head_width=33': rotary positions turn pairs of features, but model.head_width = 33 is odd\n"
        "  hint: choose an even model.head_width, or model.positions = \"learned\"");
  CHECK_NOTHROW(overridden({"model.head_width=33"}));
  CHECK_NOTHROW(overridden({"model.kv_heads=1"}));
}

TEST_CASE("the batch is microbatch x dp x accumulation, and the message knows which batches fit") {
  CHECK_NOTHROW(overridden({"train.batch=48", "train.microbatch=4", "mesh.dp=3"}));
  CHECK(refused({"train.batch=60", "train.microbatch=8", "mesh.dp=2"}) ==
        "override 'train.batch=60': train.batch = 60 is not train.microbatch = 8 x mesh.dp = 2 x a whole number of accumulations\n"
        "  hint: train.batch = 48 and 64 fit");
  CHECK(refused({"train.batch=4"}).find("hint: train.batch = 8 fits") != std::string::npos);
  CHECK(refused({"mesh.dp=3"}).find("override 'mesh.dp=3': train.batch = 64 is not") == 0);
  CHECK(refused({"train.batch=12", "train.microbatch=6", "mesh.dp=4"}).find("train.batch = 24 fits") != std::string::npos);
}

TEST_CASE("rules of the sources and their weights") {
  const std::string two = "data.train=[\"a\", \"b\"]";
  CHECK_NOTHROW(overridden({two, "data.weights=[1, 2]", "data.curriculum=[{from_step = 5, weights = [0, 1]}]"}));
  CHECK(
      refused({two, "data.weights=[1, 2, 3]"}) ==
      "override 'data.weights=[1, 2, 3]': data.weights has 3 weights, data.train names 2 sources\n  hint: give each source one weight, in "
      "the order of data.train");
  CHECK(refused({two, "data.curriculum=[{from_step = 5, weights = [0, 1]}]"})
            .find("data.curriculum changes weights, but data.weights is empty\n  hint: set data.weights") != std::string::npos);
  CHECK(refused({two, "data.weights=[1, 2]", "data.curriculum=[{from_step = 5, weights = [1]}]"})
            .find("the stage of data.curriculum from step 5 has 1 weights, data.train names 2 sources") != std::string::npos);
  CHECK(refused({two, "data.weights=[1, 2]", "data.curriculum=[{from_step = 5, weights = [1, 1]}, {from_step = 5, weights = [1, 0]}]"})
            .find("data.curriculum has a stage from step 5 after one from step 5") != std::string::npos);
}

TEST_CASE("rules of packing") {
  CHECK_NOTHROW(overridden({"data.packing=best_fit", "data.packing_table=p.h5", "data.document_mask=true"}));
  CHECK(refused({"data.packing_table=p.h5"}).find("data.packing_table has no meaning for data.packing = \"stream\"") != std::string::npos);
  CHECK(refused({"data.packing=best_fit", "data.document_mask=true"})
            .find("data.packing = \"best_fit\" wants data.packing_table\n  hint: make") != std::string::npos);
  CHECK(refused({"data.packing=best_fit", "data.packing_table=p.h5"})
            .find("puts unrelated documents into a sample, but data.document_mask is false\n  hint: set data.document_mask = true") !=
        std::string::npos);
}

TEST_CASE("rules of the optimizer") {
  CHECK(refused({"optimizer.minimum_lr=1"}) ==
        "override 'optimizer.minimum_lr=1': optimizer.minimum_lr = 1.0 is above optimizer.lr = 0.0006\n  hint: the schedule goes down from "
        "lr to minimum_lr");
  CHECK(refused({"optimizer.warmup=21", "train.steps=20"}) ==
        "override 'optimizer.warmup=21': optimizer.warmup = 21 is longer than train.steps = 20\n  hint: the run would end before the "
        "warm-up does");
  CHECK(refused({"optimizer.schedule=constant", "optimizer.decay_steps=5"}) ==
        "override 'optimizer.decay_steps=5': optimizer.decay_steps = 5 has no meaning for optimizer.schedule = \"constant\"\n"
        "  hint: leave it out, or choose a schedule that decays");
  CHECK(refused({"optimizer.schedule=wsd", "optimizer.decay_steps=950"})
            .find("optimizer.warmup = 100 and optimizer.decay_steps = 950 together are longer than "
                  "train.steps = 1000") != std::string::npos);
  CHECK(refused({"optimizer.decay_steps=50"}).find("optimizer.decay_steps = 50 lies before the end of optimizer.warmup = 100") !=
        std::string::npos);
  CHECK_NOTHROW(overridden({"optimizer.decay_steps=500"}));
  CHECK_NOTHROW(overridden({"optimizer.schedule=wsd", "optimizer.decay_steps=900"}));
}

TEST_CASE("rules of the mesh") {
  CHECK(refused({"mesh.pp=3", "mesh.virtual_stages=2"}).find("mesh.pp = 3 x mesh.virtual_stages = 2 is more than model.layers = 4") !=
        std::string::npos);
  CHECK(refused({"mesh.attention=hybrid", "mesh.cp=4", "mesh.ulysses=3"}).find("mesh.ulysses = 3 does not divide mesh.cp = 4") !=
        std::string::npos);
  CHECK(refused({"mesh.tp=2048", "mesh.cp=2048"}).find("is more than 1048576 ranks") != std::string::npos);
}

TEST_CASE("a broken rule points at the line of the key that was given") {
  CHECK(refusal([] {
          parsed("[mesh]\ndp = 2\n\n[train]\nmicrobatch = 5\n");
        }).find("run.toml:5:1: train.batch = 64 is not train.microbatch = 5") == 0);
}
