// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/rivals.hpp"

#include <fmt/format.h>

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

std::string program(const test::TemporaryFolder& folder, const std::string& script) {
  const std::string path = folder / "python";
  test::write_file(path, "#!/bin/sh\n" + script + "\n");
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

// A program that answers whatever it is asked with this text.
std::string answering(const test::TemporaryFolder& folder, const std::string& text) { return program(folder, "echo '" + text + "'"); }

std::string measured_against(const std::string& python, const std::string& rounds = "1", bool as_json = true) {
  std::vector<std::string> words = {"bench",
                                    "train",
                                    "--against",
                                    "pytorch",
                                    "--python",
                                    python,
                                    "--rounds",
                                    rounds,
                                    "--steps",
                                    "1",
                                    "--warmup",
                                    "0",
                                    "model.preset=tiny-gpt",
                                    "model.sequence=8"};
  if (as_json) words.insert(words.begin() + 2, "--json");
  return test::ergon(words);
}

}  // namespace

TEST_CASE("a rival that is not there, or that cannot do the job, is refused before anything is measured") {
  CHECK_NOTHROW(check_rivals(against("pytorch", {})));
  BenchJob absent = against("pytorch", {});
  absent.python = "/nonexistent/python";
  CHECK_THROWS_WITH(check_rivals(absent), Contains("--python: this Python cannot be started: No such file") && Contains("check the path"));
  CHECK_THROWS_WITH(check_rivals(against("pytorch", {"model.dropout=0.5"})), Contains("neither windows nor dropout"));
  CHECK_THROWS_WITH(check_rivals(against("pytorch", {"model.causal=false"})), Contains("has a causal mask"));
  CHECK_THROWS_WITH(check_rivals(against("pytorch", {"model.window=8"})), Contains("neither windows nor dropout"));
  CHECK_THROWS_WITH(check_rivals(against("pytorch", {"train.dtype=bfloat16"})), Contains("leave train.dtype at float32"));
  CHECK_THROWS_WITH(check_rivals(against("fp32", {})), Contains("this job is float32 itself"));
}

TEST_CASE("each rival's median is the baseline of its row; stock and tuned run in turn, in processes of their own") {
  test::TemporaryFolder folder;
  // Faster each time that it is asked; says which allocator it was given.
  const std::string python = program(folder, fmt::format(R"(which=stock; test -n "$MALLOC_TRIM_THRESHOLD_" && which=tuned
echo $which >> '{0}'
count=$(wc -l < '{0}')
echo "{{\"tokens_per_second\": [1, 1000, $count]}}")",
                                                         folder / "turns"));

  const nlohmann::json cases = nlohmann::json::parse(measured_against(python, "3")).at("cases");

  CHECK(test::read_file(folder / "turns") == "stock\ntuned\nstock\ntuned\nstock\ntuned\n");
  REQUIRE(cases.size() == 4);
  CHECK(cases[0].at("baseline").at("value") == 3);  // the median of 1, 3, 5
  CHECK(cases[3].at("baseline").at("value") == 4);  // of 2, 4, 6
  for (const std::size_t row : {0u, 3u})
    CHECK(cases[row].at("ratio").get<double>() ==
          cases[row].at("value").get<double>() / cases[row].at("baseline").at("value").get<double>());
  CHECK(cases[0].at("baseline").at("name") == "PyTorch, fresh process, eager, SDPA, fused AdamW");
  CHECK(cases[3].at("baseline").at("name") == "PyTorch, fresh process, eager, SDPA, fused AdamW, malloc told to keep its pages");
  CHECK(cases[3].at("case") == "step, against a tuned allocator");
}

TEST_CASE("a person reads both ratios, each with the name of its baseline") {
  test::TemporaryFolder folder;
  const std::string text = measured_against(answering(folder, R"({"tokens_per_second": [2]})"), "1", /*as_json=*/false);
  CHECK_THAT(text, Contains("x 2 (PyTorch, fresh process, eager, SDPA, fused AdamW)\n") &&
                       Contains("x 2 (PyTorch, fresh process, eager, SDPA, fused AdamW, malloc told to keep its pages)\n"));
}

TEST_CASE("a rival that answers with something else is named") {
  test::TemporaryFolder folder;
  for (const char* text : {"Segmentation fault", R"({"error": "no torch"})"})
    CHECK_THROWS_WITH(measured_against(answering(folder, text)), Contains("exited with 2"));
}
