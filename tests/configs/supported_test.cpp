// SPDX-License-Identifier: Apache-2.0
#include "configs/supported.hpp"

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

std::string refused_by_trainer(const std::vector<std::string>& overrides) {
  RunConfig config = test::overridden(overrides);
  return test::refusal([&] { require_supported(config); });
}

}  // namespace

TEST_CASE("what the trainer does is let through") {
  CHECK(refused_by_trainer({}) == "not refused");
  CHECK(refused_by_trainer({"mesh.dp=2", "mesh.tp=2", "train.dtype=float64", "model.preset=tiny-llama"}) == "not refused");
  CHECK(refused_by_trainer({"train.dtype=bfloat16", "run.device=cuda"}) == "not refused");
  CHECK(refused_by_trainer({"mesh.cp=4", "mesh.attention=hybrid", "mesh.ulysses=2"}) == "not refused");
}

TEST_CASE("what the trainer does not do is refused, naming the key") {
  for (const char* override : {"run.deterministic=true", "mesh.zero=1", "mesh.zero=3"}) {
    std::string key = std::string(override).substr(0, std::string(override).find('='));
    std::string text = refused_by_trainer({override});
    INFO(text);
    CHECK(text.find(key + " = ") == 0);
    CHECK(text.find("is not supported: this version") != std::string::npos);
    CHECK(text.find("hint: set " + key + " = ") != std::string::npos);
  }
}

TEST_CASE("all refusals of a run are named at once") {
  std::string text = refused_by_trainer({"mesh.cp=2", "mesh.zero=1"});
  CHECK(text.find("2 errors") != std::string::npos);
  CHECK(text.find("mesh.cp = 2") != std::string::npos);
  CHECK(text.find("mesh.zero = 1") != std::string::npos);
}
