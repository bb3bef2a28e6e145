// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/launch/answers.hpp"

#include "tests/support/catch.hpp"

using ergon::Error;
using nlohmann::json;

namespace {

std::string mfu_output(const std::vector<std::string>& arguments) { return ergon::test::printed(ergon::command_mfu, "mfu", arguments); }

std::vector<std::string> job(std::vector<std::string> more) {
  more.insert(more.begin(), {"gpt2-124m", "--tokens-per-second", "171000", "--devices", "1"});
  return more;
}

std::string mfu_refused_at(const std::vector<std::string>& arguments) {
  return ergon::test::refused_place(ergon::command_mfu, "mfu", arguments);
}

}  // namespace

TEST_CASE("mfu of a device in any case, of a given peak, and as a page") {
  const json a100 = json::parse(mfu_output(job({"--device", "A100", "--json"})));
  CHECK(a100["mfu"]["nanogpt"].get<double>() == Approx(855166464.0 * 171000 / 312e12).epsilon(1e-12));
  CHECK(a100["peak"]["flops_per_second"] == 312e12);
  CHECK(a100["peak"]["source"].get<std::string>().find("torchtitan") != std::string::npos);
  const json given =
      json::parse(mfu_output(job({"--peak", "1e15", "--sequence", "512", "--attention", "causal", "--kernel", "flash", "--json"})));
  CHECK(given["peak"] == json{{"flops_per_second", 1e15}, {"source", "given by --peak"}});
  // 741,192,192 + 7 x 2 L H Q x 256 pairs a token = 774,222,336
  CHECK(given["hfu"]["none"].get<double>() == Approx(774222336.0 * 171000 / 1e15).epsilon(1e-12));
  CHECK(mfu_output(job({"--device", "h100-sxm"})).find("HFU, by recompute policy") != std::string::npos);
}

TEST_CASE("a device whose peak nobody could source gives null with the reason") {
  const json v100 = json::parse(mfu_output(job({"--device", "v100", "--json"})));
  CHECK(v100["mfu"]["6n"].is_null());
  CHECK(v100["reason"]["mfu.6n"].get<std::string>().find("V100 has no bfloat16") != std::string::npos);
  CHECK(json::parse(mfu_output(job({"--device", "v100", "--dtype", "float32", "--json"})))["peak"]["flops_per_second"] == 15.7e12);
}

TEST_CASE("what mfu cannot divide is refused, naming the option") {
  CHECK(mfu_refused_at(job({})) == "--device");
  CHECK(mfu_refused_at(job({"--peak", "0"})) == "--peak");
  CHECK(mfu_refused_at(job({"--device", "a100", "--sequence", "0"})) == "--sequence");
  CHECK(mfu_refused_at({"gpt2-124m", "--tokens-per-second", "-1", "--devices", "1", "--device", "a100"}) == "--tokens-per-second");
  CHECK(mfu_refused_at({"gpt2-124m", "--tokens-per-second", "1", "--devices", "0", "--device", "a100"}) == "--devices");
  CHECK_THROWS_WITH(mfu_output(job({"--device", "h1000"})), Catch::Matchers::Contains("there is no device 'h1000'"));
  CHECK_THROWS_WITH(mfu_output({"gpt2-124m", "--devices", "1", "--device", "a100"}), Catch::Matchers::Contains("--tokens-per-second"));
}
