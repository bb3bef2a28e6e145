// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/launch/answers.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using ergon::Error;
using nlohmann::json;

namespace {

std::string output(const std::vector<std::string>& arguments) { return ergon::test::printed(ergon::command_flops, "flops", arguments); }

std::string refused_at(const std::vector<std::string>& arguments) {
  return ergon::test::refused_place(ergon::command_flops, "flops", arguments);
}

}  // namespace

TEST_CASE("flops of a preset, of a file with only [model], and of counts") {
  json gpt2 = json::parse(output({"gpt2-124m", "--tokens", "300e9", "--json"}));
  CHECK(gpt2["parameters"]["total"] == 124439808);
  CHECK(gpt2["tokens"] == 300000000000);
  CHECK(gpt2["conventions"]["6n"]["total"] == "223991654400000000000");
  CHECK(json::parse(output({"gpt2-1558m", "--json"}))["parameters"]["total"] == 1557611200);
  CHECK(json::parse(output({"llama3-8b", "--json"}))["parameters"]["total"] == 8030261248);
  CHECK(json::parse(output({"llama3-70b", "--json"}))["parameters"]["total"] == 70553706496);
  json counts = json::parse(output({"--params", "174.6e9", "--tokens", "300e9", "--json"}));
  CHECK(counts["conventions"]["6n"]["pfs_days"] == 3637.5);
  CHECK(output({"--params", "174.6e9", "--tokens", "300e9"}).find("314280000000000000000000") != std::string::npos);

  auto file = std::filesystem::temp_directory_path() / "ergon flops model.toml";
  std::ofstream(file) << "[model]\nlayers = 1\nwidth = 32\nheads = 2\nvocabulary = 100\nsequence = 16\nbiases = false\n";
  std::string path = file.string();
  json small = json::parse(output({path, "--sequence", "8", "--batch", "2", "train.steps=3", "--json"}));
  CHECK(small["tokens"] == 48);
  json wider = json::parse(output({path, "model.vocabulary=101", "--json"}));
  CHECK(wider["parameters"]["total"].get<std::int64_t>() == small["parameters"]["total"].get<std::int64_t>() + 32);
  std::filesystem::remove(file);
}

TEST_CASE(
    "flops of masks: whole sequences are counted and the page says so, the pairs of a full mask are all, a window without order is "
    "refused") {
  CHECK(output({"gpt2-124m", "data.document_mask=true"}).find("sequences are counted whole here") != std::string::npos);
  CHECK(output({"gpt2-124m"}).find("sequences are counted whole here") == std::string::npos);
  const json full = json::parse(output({"gpt2-124m", "model.causal=false", "--tokens", "1024", "--json"}));
  CHECK(full["conventions"]["exact"]["total"] == std::to_string(6 * 123532032LL * 1024 + 12LL * 12 * 768 * 1024 * 1024));
  CHECK(full["conventions"]["megatron"]["total"].is_null());
  CHECK(refused_at({"gpt2-124m", "model.causal=false", "model.window=5"}) == "model.window");
}

TEST_CASE("flops of a config.json, of packed documents, and split") {
  const ergon::test::TemporaryFolder folder;
  ergon::test::write_file(folder / "config.json",
                          R"({"model_type": "gpt2", "n_layer": 2, "n_embd": 24, "n_head": 4, "vocab_size": 100, "n_positions": 16})");
  ergon::test::write_file(folder / "lengths", "1\n3\n4\n");
  const json whole = json::parse(output({folder / "config.json", "--tokens", "16", "--by", "operation", "--json"}));
  // 12 x 2 x 24^2 + 24 x 100 = 16,224 in products; 12 L H Q = 576 a pair; 136 pairs of 16 tokens.
  CHECK(whole["parameters"]["matmul"] == 16224);
  CHECK(whole["conventions"]["exact"]["total"] == std::to_string(6 * 16224 * 16 + 576 * 136));
  CHECK(whole["split"]["rows"].size() == 10);
  const json packed = json::parse(output({folder / "config.json", "--tokens", "8", "--documents", folder / "lengths", "--json"}));
  CHECK(packed["conventions"]["exact"]["total"] == std::to_string(6 * 16224 * 8 + 576 * 17));
  CHECK(packed["attention"]["documents"]["total"] == packed["conventions"]["exact"]["total"]);
  CHECK(output({"--params", "1e15", "--tokens", "1e12", "--json"}).find("\"6000000000000000000000000000\"") != std::string::npos);
}

TEST_CASE("what flops cannot count is refused, naming the option") {
  CHECK(refused_at({}) == "CONFIG");
  CHECK(refused_at({"--params", "1e9"}) == "--tokens");
  CHECK(refused_at({"--params", "1e9", "--tokens", "1.5"}) == "--tokens");
  CHECK(refused_at({"--params", "many", "--tokens", "1e9"}) == "--params");
  CHECK(refused_at({"gpt2-124m", "--params", "1e9", "--tokens", "1e9"}) == "--params");
  CHECK(refused_at({"gpt2-124m", "--sequence", "0"}) == "--sequence");
  CHECK(refused_at({"gpt2-124m", "--batch", "-1"}) == "--batch");
  CHECK(refused_at({"gpt2-124m", "--tokens", "1e20"}) == "--tokens");
  CHECK(refused_at({"gpt2-124m", "--tokens", "5", "--sequence", "9223372036854775807"}) == "--sequence");
  // Each key is in its range, together they pass 64 bits.
  CHECK(refused_at({"gpt2-124m", "model.layers=65536", "model.width=1048576", "model.heads=65536", "model.head_width=65536"}) == "model");
  CHECK(refused_at({"gpt2-124m", "--documents", "/nowhere/lengths"}) == "/nowhere/lengths");
  CHECK(refused_at({"--params", "1e9", "--tokens", "1e9", "--by", "layer"}) == "--params");
  CHECK(refused_at({"--params", "1e9", "--tokens", "1e9", "--documents", "x"}) == "--params");
}
