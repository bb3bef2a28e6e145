// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/launch/answers.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using nlohmann::json;

namespace {

std::string plan_output(const std::vector<std::string>& arguments) { return test::printed(command_plan, "plan", arguments); }

json parsed(std::vector<std::string> arguments) {
  arguments.emplace_back("--json");
  return json::parse(plan_output(arguments));
}

std::string refused_at(const std::vector<std::string>& arguments) { return test::refused_place(command_plan, "plan", arguments); }

}  // namespace

TEST_CASE("a plan by budget, by parameters, by loss") {
  const json by_budget = parsed({"--budget", "1e21 flops"});
  CHECK(by_budget["budget_flops"] == "1000000000000000000000");
  const double parameters = by_budget["optimal"]["parameters"]["value"], loss = by_budget["optimal"]["loss"]["value"];
  const json by_params = parsed({"--params", fmt::format("{}", parameters)});
  CHECK(std::stod(by_params["budget_flops"].get<std::string>()) == Approx(1e21).epsilon(1e-9));
  const json by_loss = parsed({"--loss", fmt::format("{}", loss)});
  CHECK(std::stod(by_loss["budget_flops"].get<std::string>()) == Approx(1e21).epsilon(1e-6));
  CHECK(plan_output({"--budget", "10 pfs-days"}).find("By law") != std::string::npos);
}

TEST_CASE("device-hours, level, law, extrapolation, inference and limited tokens reach the plan") {
  const json hours =
      parsed({"--budget", "5000 device-hours", "--mfu", "0.4", "--device", "h100-sxm", "--level", "0.5", "--law", "hoffmann-3"});
  CHECK(hours["budget"]["device_hours"].get<double>() == Approx(5000));
  CHECK(hours["level"] == 0.5);
  CHECK(hours["law"] == "hoffmann-3");
  // The device of a run file stands in for --device.
  CHECK(parsed({"--budget", "5000 device-hours", "--mfu", "0.4", "gpt2-124m", "accounting.peak=h100-sxm"})["budget_flops"] ==
        hours["budget_flops"]);
  CHECK(parsed({"--budget", "1e21", "gpt2-124m", "accounting.peak=h100-sxm"})["budget"]["device_hours"].is_null());
  CHECK(parsed({"--undertrained", "gpt2-124m", "1e10", "accounting.peak=a100", "--mfu", "0.4"})["budget"]["device"]["id"] == "a100");
  CHECK(parsed({"--budget", "1e27", "--extrapolate"})["warnings"].size() == 1);
  CHECK(parsed({"--params", "7e9", "--inference-tokens", "2e12"})["serving"]["saved"] > 0.0);
  CHECK(parsed({"--budget", "1e21", "--tokens-available", "3e9"})["data_limit"]["binds"] == true);
  CHECK(parsed({"--budget", "5 device-hours", "--mfu", "0.5", "--device", "a100", "--dtype", "float32",
                "--extrapolate"})["budget"]["device"]["dtype"] == "float32");
}

TEST_CASE("what an architecture keeps comes from a preset, a file with only [model], or options") {
  CHECK(parsed({"--budget", "1e21", "llama3-8b"})["architecture"]["model"]["vocabulary"] == 128256);
  CHECK(parsed({"--budget", "1e21", "--vocabulary", "50257", "--sequence", "512"})["architecture"]["model"]["sequence"] == 512);
  const test::TemporaryFolder folder;
  const std::string path = folder / "model.toml";
  test::write_file(path, "[model]\nlayers = 2\nwidth = 128\nheads = 2\nvocabulary = 999\nsequence = 64\n");
  CHECK(parsed({"--budget", "1e21", path})["architecture"]["model"]["vocabulary"] == 999);
  const std::string hugging_face = folder / "config.json";
  test::write_file(hugging_face,
                   R"({"model_type": "gpt2", "n_layer": 12, "n_embd": 768, "n_head": 12, "vocab_size": 777, "n_positions": 1024})");
  CHECK(parsed({"--budget", "1e21", hugging_face})["architecture"]["model"]["vocabulary"] == 777);
  CHECK(parsed({"--budget", "1e21", path, "model.vocabulary=1001"})["architecture"]["model"]["vocabulary"] == 1001);
}

TEST_CASE("an existing model by its numbers or its shape") {
  const json gopher = parsed({"--undertrained", "280e9", "300e9"});
  CHECK(gopher["budget_flops"] == "504000000000000000000000");
  CHECK(gopher["undertrained"]["tokens_ratio"] < 0.1);
  const json gpt2 = parsed({"--undertrained", "gpt2-124m", "1e10"});
  CHECK(gpt2["undertrained"]["parameters"] == 124439808.0);
  CHECK(gpt2["architecture"]["model"]["vocabulary"] == 50257);
  CHECK(parsed({"--undertrained", "gpt2-124m", "1e10", "model.vocabulary=50304"})["undertrained"]["parameters"] == 124439808.0 + 47 * 768);
}

TEST_CASE("a timeline is asked for with a run file and nothing else") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "run.toml";
  test::write_file(path, "[train]\nbatch = 4\nmicrobatch = 2\n[mesh]\npp = 2\n");
  CHECK(plan_output({"--timeline", path}).find("stage 0  F0 F1 .  .  B0 W0 .  B1 W1\n") != std::string::npos);
  CHECK(parsed({"--timeline", path, "mesh.pp=1"})["schema"] == "ergon.timeline.v1");
  CHECK(refused_at({"--timeline"}) == "CONFIG");
  CHECK(refused_at({"--timeline", path, "--budget", "1e21"}) == "--timeline");
  CHECK(refused_at({"--timeline", path, "--undertrained"}) == "--timeline");
  CHECK(refused_at({"--timeline", path, "mesh.pp=8"}) == "override 'mesh.pp=8'");
}

TEST_CASE("strategies are asked for alone, in symbols or of a run file") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "run.toml";
  test::write_file(path, "[model]\nlayers = 2\nwidth = 64\nheads = 4\nvocabulary = 99\nsequence = 64\n[mesh]\ncp = 2\n");
  CHECK(plan_output({"--strategies"}).find("| `ring` | (P - 1) 2 n e |") != std::string::npos);
  CHECK(parsed({"--strategies", path})["schema"] == "ergon.strategies.v1");
  CHECK(refused_at({"--strategies", "--budget", "1e21"}) == "--strategies");
  CHECK(refused_at({"--strategies", "--timeline", path}) == "--timeline");
  CHECK(refused_at({"--strategies", path, "mesh.cp=1"}) == "mesh.cp");
}

TEST_CASE("what plan cannot do is refused, naming the option") {
  CHECK(refused_at({}) == "--budget");
  CHECK(refused_at({"--budget", "1e21", "--params", "7e9"}) == "--budget");
  CHECK(refused_at({"--budget", "1e21", "--undertrained", "1e9", "1e9"}) == "--budget");
  CHECK(refused_at({"--budget", "lots"}) == "--budget");
  CHECK(refused_at({"--budget", "5 device-hours"}) == "--budget");
  CHECK(refused_at({"--budget", "5 device-hours", "--mfu", "0.4"}) == "--device");
  CHECK(refused_at({"--budget", "5 device-hours", "--device", "a100"}) == "--mfu");
  CHECK(refused_at({"--budget", "1e27"}) == "--budget");
  CHECK(refused_at({"--params", "-7e9"}) == "--params");
  CHECK(refused_at({"--params", "nan"}) == "--params");
  for (const char* loss : {"0", "-2", "nan", "inf", "1e300"}) CHECK(refused_at({"--loss", loss}) == "--loss");
  CHECK(refused_at({"--budget", "1e21", "--level", "80"}) == "--level");
  CHECK(refused_at({"--budget", "1e21", "--inference-tokens", "few"}) == "--inference-tokens");
  CHECK(refused_at({"--budget", "1e21", "--tokens-available", "0"}) == "--tokens-available");
  CHECK(refused_at({"--params", "7e9", "--tokens-available", "1e9"}) == "--tokens-available");
  CHECK(refused_at({"--budget", "1e21", "--tokens-available", "1e9", "--inference-tokens", "1e9"}) == "--tokens-available");
  CHECK(refused_at({"--budget", "1e21", "--law", "steplaw"}) == "--law");
  CHECK(refused_at({"--budget", "1e21", "--vocabulary", "0"}) == "--vocabulary");
  CHECK(refused_at({"--budget", "1e21", "--sequence", "-1"}) == "--sequence");
  CHECK(refused_at({"--undertrained"}) == "--undertrained");
  CHECK(refused_at({"--undertrained", "1e-5", "1e-5"}) == "--undertrained");
  CHECK(refused_at({"--undertrained", "280e9"}) == "--undertrained");
  CHECK(refused_at({"--undertrained", "280e9", "many"}) == "--undertrained");
  CHECK(refused_at({"--undertrained", "280e9", "300e9", "model.layers=3"}) == "CONFIG");
}
