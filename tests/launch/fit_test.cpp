// SPDX-License-Identifier: Apache-2.0
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

std::string output(const std::vector<std::string>& arguments) { return ergon::test::printed(ergon::command_fit, "fit", arguments); }

std::string refused_at(const std::vector<std::string>& arguments) {
  const auto error = ergon::test::refusal_of(ergon::command_fit, "fit", arguments);
  return error ? error->where() : "accepted";
}

std::string golden() { return std::string(std::getenv("ERGON_SOURCE")) + "/tests/golden/chinchilla_svg_extracted.csv"; }

}  // namespace

TEST_CASE("fit of Hoffmann's points, with every file that it writes") {
  const auto folder = std::filesystem::temp_directory_path() / "ergon fit test";
  std::filesystem::create_directories(folder);
  const auto file = [&](const char* name) { return (folder / name).string(); };
  const std::vector<std::string> arguments = {
      golden(),      "--drop-highest-loss", "5",         "--bootstrap",     "50",       "--json",  "--csv-out",  file("f.csv"),
      "--html",      file("f.html"),        "--law-out", file("mine.toml"), "--budget", "5.88e23", "--data-set", "MassiveText",
      "--tokenizer", "32,000 pieces"};
  const json result = json::parse(output(arguments));
  CHECK(result["rows_used"] == 240);
  CHECK(result["law"]["alpha"].get<double>() == Approx(0.34731).epsilon(1e-4));
  CHECK(result["starts"]["tried"] == 4500);
  CHECK(result["starts"]["reached"].get<int>() >= 450);
  CHECK(result["flatness"].size() == 2);
  CHECK(std::filesystem::file_size(file("f.csv")) > 1000);
  CHECK(std::filesystem::file_size(file("f.html")) > 1000);
  const ergon::ScalingLaw law = ergon::read_law(file("mine.toml"));
  CHECK(law.name == "mine");
  CHECK(law.definitions.data_set == "MassiveText");
  CHECK(law.definitions.tokenizer == "32,000 pieces");
  CHECK(law.loss_law->alpha == result["law"]["alpha"].get<double>());
  CHECK(law.samples.size() == 50);
  CHECK(law.fit->input_sha256 == result["input_sha256"]);
  std::filesystem::remove_all(folder);
}

TEST_CASE("columns by name, several approaches, and the same answer for any number of threads") {
  const auto path = (std::filesystem::temp_directory_path() / "ergon fit points.csv").string();
  // 1.7 + 400 / N^0.34 + 420 / D^0.28, to three digits: points of no law make the search go on long.
  std::ofstream(path) << "size;seen;L\n1e8;2e9;3.507\n1e8;8e9;3.171\n4e8;2e9;3.220\n4e8;8e9;2.884\n4e8;3.2e10;2.656\n"
                         "1.6e9;8e9;2.706\n1.6e9;3.2e10;2.478\n";
  const std::vector<std::string> named = {path, "--n", "size", "--d", "SEEN", "--loss", "L", "--bootstrap", "0", "--json"};
  std::vector<std::string> one = named, all = named;
  one.insert(one.end(), {"--threads", "1"});
  all.insert(all.end(), {"--approach", "all"});
  CHECK(output(named) == output(one));
  const json result = json::parse(output(all));
  CHECK(result["law"]["E"].is_number());
  CHECK(result["reason"]["approaches.1"].is_string());
  CHECK(refused_at({path}) == path);
  std::filesystem::remove(path);
}

TEST_CASE("what fit cannot do is refused, naming the option") {
  CHECK(refused_at({"a.csv", "b.csv"}) == "INPUT");
  CHECK(refused_at({"/nowhere/a.csv"}) == "/nowhere/a.csv");
  CHECK(refused_at({golden(), "--n", "sizes"}) == "--n sizes");
  CHECK(refused_at({golden(), "--huber-delta", "0"}) == "--huber-delta");
  CHECK(refused_at({golden(), "--bootstrap", "-1"}) == "--bootstrap");
  CHECK(refused_at({golden(), "--level", "1"}) == "--level");
  CHECK(refused_at({golden(), "--seed", "-1"}) == "--seed");
  CHECK(refused_at({golden(), "--threads", "-1"}) == "--threads");
  CHECK(refused_at({golden(), "--budget", "0"}) == "--budget");
  CHECK(refused_at({golden(), "--budgets", "6e18,,1e19"}) == "--budgets");
  CHECK(refused_at({golden(), "--budgets", "6e18,much"}) == "--budgets");
  CHECK(refused_at({golden(), "--drop-highest-loss", "-1"}) == "--drop-highest-loss");
  CHECK(refused_at({golden(), "--drop-highest-loss", "246"}) == "--drop-highest-loss");
  CHECK(refused_at({golden(), "--approach", "2", "--csv-out", "x.csv"}) == "--csv-out");
  CHECK(refused_at({golden(), "--max-loss", "2.1"}) == golden());
  for (const char* loss : {"nan", "inf", "-1", "0"}) CHECK(refused_at({golden(), std::string("--max-loss=") + loss}) == "--max-loss");
  CHECK(refused_at({golden(), "--repetition", "--bootstrap", "0"}) == "repeated data");
  CHECK(refused_at({"--runs", "somewhere", "--loss", "x"}) == "--loss");
  CHECK(refused_at({"--runs", "somewhere", "--n", "some"}) == "--n");
}
