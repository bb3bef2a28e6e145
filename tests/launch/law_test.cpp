// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "accounting/scaling/law_file.hpp"
#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/launch/answers.hpp"

#include "tests/support/catch.hpp"

using ergon::Error;
using nlohmann::json;

namespace {

std::string law_output(const std::vector<std::string>& arguments) { return ergon::test::printed(ergon::command_law, "law", arguments); }

std::string refused(const std::vector<std::string>& arguments) {
  const auto error = ergon::test::refusal_of(ergon::command_law, "law", arguments);
  if (error) CHECK(error->code() == ergon::ExitCode::config);
  return error ? error->where() + ": " + error->problem() : "accepted";
}

bool starts(const std::string& text, const std::string& start) { return text.rfind(start, 0) == 0; }

}  // namespace

TEST_CASE("laws are listed, shown, asked and compared, as text and as JSON") {
  CHECK(starts(law_output({"list"}), "law "));
  CHECK(json::parse(law_output({"list", "--json"}))["laws"].size() == ergon::published_laws().size());
  CHECK(starts(law_output({"show", "besiroglu"}), "besiroglu: Besiroglu et al. 2024"));
  const json wide = json::parse(law_output({"show", "besiroglu", "--level", "0.95", "--json"})),
             narrow = json::parse(law_output({"show", "besiroglu", "--json"}));
  CHECK(wide["exponents"]["a"]["low"].get<double>() < narrow["exponents"]["a"]["low"].get<double>());
  CHECK(starts(law_output({"predict", "kaplan", "--params", "1e9", "--tokens", "1e10"}), "1e+09 parameters on 1e+10 tokens under kaplan"));
  const json repeated =
      json::parse(law_output({"predict", "muennighoff", "--params", "6.34e9", "--tokens", "242e9", "--unique-tokens", "25e9", "--json"}));
  CHECK(repeated["loss"]["value"].get<double>() == Approx(2.2256440889984477).epsilon(1e-9));
  CHECK(starts(law_output({"compare", "--budget", "1e21"}), "The optimum of 1e+21 FLOPs by law"));
  const json all = json::parse(law_output({"compare", "--budget", "10 pfs-days", "--json"}));
  CHECK(all["budget_flops"] == 8.64e20);
  CHECK(all["by_law"].contains("deepseek"));
  CHECK_FALSE(all["by_law"].contains("steplaw"));
  CHECK(
      json::parse(law_output({"compare", "--budget", "1e21", "--laws", "kaplan,steplaw", "--laws", "llama3", "--json"}))["by_law"].size() ==
      3);
}

TEST_CASE("a law file is taken by its path") {
  const std::string path = (std::filesystem::temp_directory_path() / ("ergon law " + std::to_string(::getpid()) + ".toml")).string();
  ergon::write_law(ergon::find_law("hoffmann-3"), path, [](const std::string& to, const std::string& text) { std::ofstream(to) << text; });
  const json by_file = json::parse(law_output({"predict", path, "--params", "1e9", "--tokens", "1e10", "--json"}));
  CHECK(by_file["loss"] == json::parse(law_output({"predict", "hoffmann-3", "--params", "1e9", "--tokens", "1e10", "--json"}))["loss"]);
  CHECK(json::parse(law_output({"compare", "--budget", "1e21", "--laws", "besiroglu," + path, "--json"}))["by_law"].size() == 2);
  std::ofstream(path) << "schema = 'ergon.law.v1'\n";
  CHECK(refused({"show", path}) == path + ": title is missing");
  std::filesystem::remove(path);
  CHECK(starts(refused({"show", path}), path + ": cannot be read"));
}

TEST_CASE("what law cannot answer is refused, naming the option") {
  CHECK(refused({"show", "besiroglo"}) == "NAME: there is no law 'besiroglo'");
  CHECK(refused({"show", "besiroglu", "--level", "1"}) == "--level: 1 is no level of an interval");
  CHECK(refused({"predict", "besiroglu", "--params", "1e9", "--tokens", "1e10", "--level", "0"}) ==
        "--level: 0 is no level of an interval");
  CHECK(refused({"compare", "--budget", "1e21", "--level", "-1"}) == "--level: -1 is no level of an interval");
  CHECK(starts(refused({"predict", "besiroglu", "--params", "many", "--tokens", "1e10"}), "--params: "));
  CHECK(refused({"predict", "besiroglu", "--params", "0", "--tokens", "1e10"}) == "--params: 0 is not above 0");
  CHECK(starts(refused({"predict", "besiroglu", "--params", "1e9", "--tokens", "1.5"}), "--tokens: "));
  CHECK(starts(refused({"predict", "muennighoff", "--params", "1e9", "--tokens", "1e10", "--unique-tokens", "x"}), "--unique-tokens: "));
  CHECK(refused({"predict", "muennighoff", "--params", "1e9", "--tokens", "1e10", "--unique-tokens", "2e10"}) ==
        "unique tokens: 2e+10 distinct tokens are more than the 1e+10 trained on");
  CHECK(refused({"predict", "kaplan", "--params", "1e9", "--tokens", "1e10", "--unique-tokens", "1e9"}) ==
        "unique tokens: kaplan says nothing about repeated tokens");
  CHECK(starts(refused({"compare", "--budget", "much"}), "--budget: "));
  CHECK(refused({"compare", "--budget", "0"}) == "--budget: 0 is not above 0");
  CHECK(refused({"compare", "--budget", "1e21", "--laws", "kaplan,nobody"}) == "--laws: there is no law 'nobody'");
  CHECK(refused({"compare", "--budget", "1e21", "--laws", "kaplan,,llama3"}) == "--laws: there is no law ''");
  CHECK(refused({"compare", "--budget", "1e21", "--laws", "kaplan,kaplan"}) == "--laws: two laws are called 'kaplan'");
  CHECK(refused({"predict", "besiroglu", "--params", "1e9"}).find("--tokens") != std::string::npos);
  CHECK(refused({"compare"}).find("--budget") != std::string::npos);
  CHECK(refused({"predict"}).find("accepted") == std::string::npos);
  CHECK(refused({}).find("accepted") == std::string::npos);
  CHECK(refused({"shew"}).find("accepted") == std::string::npos);
}

TEST_CASE("help is complete") {
  for (const char* word : {"list", "show", "predict", "compare"}) CHECK(law_output({"--help"}).find(word) != std::string::npos);
  const std::string help = law_output({"predict", "--help"});
  for (const char* option : {"NAME", "--params", "--tokens", "--unique-tokens", "--level", "--json"})
    CHECK(help.find(option) != std::string::npos);
  for (const char* option : {"--budget", "--laws", "--level", "--json"})
    CHECK(law_output({"compare", "--help"}).find(option) != std::string::npos);
}
