// SPDX-License-Identifier: Apache-2.0
#include "trainer/generation.hpp"

#include <ATen/ops/tensor.h>

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
