// SPDX-License-Identifier: Apache-2.0
#include "configs/presets.hpp"

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

// layers, width, heads, kv_heads, head_width, ffn_width, vocabulary, sequence
std::vector<std::int64_t> dims(const std::string& preset) {
  ModelShape m = load_model(preset);
  CHECK(m.preset == preset);
  return {m.layers, m.width, m.heads, m.kv_heads, m.head_width, m.ffn_width, m.vocabulary, m.sequence};
}

using Dims = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("presets have the published shapes") {
  CHECK(dims("gpt2-124m") == Dims{12, 768, 12, 12, 64, 3072, 50257, 1024});
  CHECK(dims("gpt2-350m") == Dims{24, 1024, 16, 16, 64, 4096, 50257, 1024});
  CHECK(dims("gpt2-774m") == Dims{36, 1280, 20, 20, 64, 5120, 50257, 1024});
  CHECK(dims("gpt2-1558m") == Dims{48, 1600, 25, 25, 64, 6400, 50257, 1024});
  CHECK(dims("llama3-8b") == Dims{32, 4096, 32, 8, 128, 14336, 128256, 8192});
  CHECK(dims("llama3-70b") == Dims{80, 8192, 64, 8, 128, 28672, 128256, 8192});
  CHECK(dims("tiny-gpt") == Dims{2, 32, 4, 4, 8, 128, 257, 32});
  CHECK(dims("tiny-llama") == Dims{2, 32, 4, 2, 8, 96, 257, 32});
  CHECK(preset_names().size() == 8);
}

TEST_CASE("presets have the features of their family") {
  for (const char* name : {"gpt2-124m", "gpt2-350m", "gpt2-774m", "gpt2-1558m", "tiny-gpt"}) {
    ModelShape m = load_model(name);
    CHECK((m.norm == Norm::layernorm && m.positions == Positions::learned && m.mlp == Mlp::gelu && m.biases && m.tied));
  }
  for (const char* name : {"llama3-8b", "llama3-70b", "tiny-llama"}) {
    ModelShape m = load_model(name);
    CHECK((m.norm == Norm::rmsnorm && m.positions == Positions::rotary && m.mlp == Mlp::swiglu && !m.biases && !m.tied));
  }
  CHECK(load_model("llama3-8b").rope_theta == 5e5);
  CHECK(load_model("tiny-llama").rope_theta == 1e4);
}

TEST_CASE("the parameters of the presets, by hand from the shapes, are the published counts") {
  // Embedding, positions, layers of (4 D D + 2 D F + biases + two norms), final norm; the head is tied.
  auto gpt = [](const ModelShape& m) {
    std::int64_t D = m.width, F = m.ffn_width;
    return m.vocabulary * D + m.sequence * D + m.layers * (4 * D * D + 4 * D + 2 * D * F + F + D + 4 * D) + 2 * D;
  };
  CHECK(gpt(load_model("gpt2-124m")) == 124439808);
  CHECK(gpt(load_model("gpt2-350m")) == 354823168);
  CHECK(gpt(load_model("gpt2-774m")) == 774030080);
  CHECK(gpt(load_model("gpt2-1558m")) == 1557611200);
  auto llama = [](const ModelShape& m) {
    std::int64_t D = m.width, F = m.ffn_width, kv = m.kv_heads * m.head_width;
    return 2 * m.vocabulary * D + m.layers * (2 * D * D + 2 * D * kv + 3 * D * F + 2 * D) + D;
  };
  CHECK(llama(load_model("llama3-8b")) == 8030261248);
  CHECK(llama(load_model("llama3-70b")) == 70553706496);
}

TEST_CASE("an unknown preset is refused with the list") {
  std::string text = test::refusal([] { preset_text("gpt2-124"); });
  CHECK(text.find("there is no preset 'gpt2-124'\n  hint: did you mean 'gpt2-124m'? presets: gpt2-124m, ") == 0);
  CHECK(test::refusal([] { preset_text("x"); }).find("hint: presets: gpt2-124m") != std::string::npos);
  CHECK(devices_text().find("[h100-sxm]") != std::string::npos);
}
