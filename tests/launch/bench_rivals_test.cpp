// SPDX-License-Identifier: Apache-2.0
#include "launch/bench_rivals.hpp"

#include <filesystem>

#include "configs/error.hpp"
#include "tests/launch/subcommands.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using Catch::Contains;

namespace {

BenchJob against(const std::string& rival, const std::vector<std::string>& overrides) {
  BenchJob job;
  job.against = rival;
  job.python = "/bin/true";
  job.overrides = overrides;
  return job;
}

// A program that answers whatever it is asked with this text.
std::string answering(const test::TemporaryFolder& folder, const std::string& text) {
  const std::string path = folder / "python";
  test::write_file(path, "#!/bin/sh\necho '" + text + "'\n");
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

std::string measured_against(const std::string& python) {
  return test::ergon({"bench", "train", "--json", "--against", "pytorch", "--python", python, "--rounds", "1", "--steps", "1", "--warmup",
                      "0", "model.preset=tiny-gpt", "model.sequence=8"});
}

}  // namespace

TEST_CASE("a rival that is not there, or that cannot do the job, is refused before anything is measured") {
  CHECK_NOTHROW(check_rivals(against("pytorch", {})));
  BenchJob absent = against("pytorch", {});
  absent.python = "/nonexistent/python";
  CHECK_THROWS_WITH(check_rivals(absent), Contains("--python: this Python cannot be started: No such file") && Contains("check the path"));
  CHECK_THROWS_WITH(check_rivals(against("pytorch", {"model.dropout=0.5"})), Contains("neither windows nor dropout"));
  CHECK_THROWS_WITH(check_rivals(against("pytorch", {"model.window=8"})), Contains("neither windows nor dropout"));
  CHECK_THROWS_WITH(check_rivals(against("pytorch", {"train.dtype=bfloat16"})), Contains("leave train.dtype at float32"));
  CHECK_THROWS_WITH(check_rivals(against("fp32", {})), Contains("this job is float32 itself"));
}

TEST_CASE("each rival's median is the baseline of its row") {
  test::TemporaryFolder folder;
  const std::string python = answering(folder, R"({"tokens_per_second": [1, 4, 2]})");

  const nlohmann::json cases = nlohmann::json::parse(measured_against(python)).at("cases");

  REQUIRE(cases.size() == 4);
  for (const std::size_t row : {0u, 3u}) {  // stock PyTorch, and with its allocator tuned
    CHECK(cases[row].at("baseline").at("value") == 2);
    CHECK(cases[row].at("ratio").get<double>() == cases[row].at("value").get<double>() / 2);
  }
  CHECK(cases[3].at("case") == "step, against a tuned allocator");
}

TEST_CASE("a rival that answers with something else is named") {
  test::TemporaryFolder folder;
  for (const char* text : {"Segmentation fault", R"({"error": "no torch"})"})
    CHECK_THROWS_WITH(measured_against(answering(folder, text)), Contains("exited with 2"));
}
