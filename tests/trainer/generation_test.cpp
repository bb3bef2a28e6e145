// SPDX-License-Identifier: Apache-2.0
#include "trainer/generation.hpp"

#include <ATen/ops/tensor.h>

#include "parallel/communicator_local.hpp"
#include "tests/trainer/tiny_run.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

at::Tensor logits() { return at::tensor({1.0, 3.0, 2.0, 3.0}, at::kDouble); }

}  // namespace

TEST_CASE("temperature 0 takes the first of the most likely tokens") { CHECK(choose_token(logits(), {.temperature = 0}, 0.99) == 1); }

TEST_CASE("draws walk through the tokens in order of likelihood") {
  // exp(logit - 3): 1, 1, e^-1, e^-2 for tokens 1, 3, 2, 0; sum 2.5032.
  CHECK(choose_token(logits(), {}, 0.0) == 1);
  CHECK(choose_token(logits(), {}, 0.39) == 1);
  CHECK(choose_token(logits(), {}, 0.41) == 3);
  CHECK(choose_token(logits(), {}, 0.79) == 3);
  CHECK(choose_token(logits(), {}, 0.81) == 2);
  CHECK(choose_token(logits(), {}, 0.9459) == 2);
  CHECK(choose_token(logits(), {}, 0.9461) == 0);
}

TEST_CASE("top-k leaves the others out") {
  for (const double uniform : {0.0, 0.49, 0.51, 0.999999}) {
    const std::int64_t token = choose_token(logits(), {.top_k = 2}, uniform);
    CHECK(token == (uniform < 0.5 ? 1 : 3));
  }
}

TEST_CASE("a low temperature sharpens") { CHECK(choose_token(logits(), {.temperature = 0.05}, 0.9999) == 3); }

TEST_CASE("context ranks cannot generate, and are told what can") {
  const test::TinyRun tiny;
  const RunConfig config = tiny.config({"mesh.cp=2"});
  std::vector<std::string> said(2);
  run_local_ranks(2, [&](std::unique_ptr<Communicator> world) {
    const auto rank = static_cast<std::size_t>(world->rank());
    Communicators communicators(mesh_of(config.mesh), std::move(world));
    Replica replica(config, communicators);
    std::vector<std::int32_t> context = {1};
    try {
      generate(replica, context, {}, [](std::int32_t) {});
    } catch (const Error& error) {
      said[rank] = error.what();
    }
  });
  for (const std::string& text : said) {
    CHECK_THAT(text, Catch::Contains("cannot be cut over 2 context ranks"));
    CHECK_THAT(text, Catch::Contains("mesh.cp = 1"));
  }
}

TEST_CASE("a model that restores tokens cannot generate, and says what can") {
  const test::TinyRun tiny;
  const RunConfig config = tiny.config({"model.causal=false"});
  Communicators communicators(mesh_of(config.mesh), std::move(make_local_group(1).front()));
  Replica replica(config, communicators);
  std::vector<std::int32_t> context = {1};
  CHECK_THROWS_WITH(generate(replica, context, {}, [](std::int32_t) {}),
                    Catch::Contains("it was not trained to continue one") && Catch::Contains("model.causal = true"));
}
