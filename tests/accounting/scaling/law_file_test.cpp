// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/law_file.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "accounting/scaling/law_samples.hpp"
#include "accounting/scaling/law_toml.hpp"
#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("ergon laws " + std::to_string(::getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
};

void put(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

ScalingLaw sampled() {
  ScalingLaw law;
  law.name = "mine";
  law.loss_law = ParametricLaw{1, 2, 3, 0.5, 0.25};
  law.samples = {{1, 2, 3, 0.5, 0.25}, {1.5, 2, 3, 0.5, 0.25}};
  return law;
}

std::string file_refused(const std::string& path) {
  try {
    find_law(path);
  } catch (const Error& error) {
    CHECK_FALSE(error.hint().empty());
    return error.where() + ": " + error.problem() + ": " + error.hint();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a law and its samples lie side by side, samples written first, and read back") {
  const Folder folder;
  std::vector<std::string> order;
  write_law(sampled(), folder / "mine.toml", [&](const std::string& path, const std::string& text) {
    order.push_back(path);
    put(path, text);
  });
  CHECK(order == std::vector<std::string>{folder / "mine.samples.csv", folder / "mine.toml"});
  const ScalingLaw read = find_law(folder / "mine.toml");
  CHECK(read.name == "mine");
  CHECK(read.samples == sampled().samples);
  CHECK(law_toml(read, "mine.samples.csv") == content(folder / "mine.toml"));

  put(folder / "mine.samples.csv", content(folder / "mine.samples.csv") + "2,2,3,0.5,0.25\n");
  CHECK(file_refused(folder / "mine.toml").find("mine.samples.csv has the SHA-256") != std::string::npos);
  fs::remove(folder / "mine.samples.csv");
  CHECK(file_refused(folder / "mine.toml").find("mine.samples.csv cannot be read: No such file") != std::string::npos);
  CHECK(file_refused(folder / "mine.toml").starts_with((folder / "mine.toml") + ":"));
}

TEST_CASE("a law without samples is one file") {
  ScalingLaw law = sampled();
  law.samples.clear();
  std::map<std::string, std::string> written;
  write_law(law, "a/b.toml", [&](const std::string& path, const std::string& text) { written[path] = text; });
  CHECK(written.size() == 1);
  CHECK(written.contains("a/b.toml"));
}

TEST_CASE("names that are none") {
  const auto never = [](const std::string&, const std::string&) { FAIL("written"); };
  CHECK_THROWS_WITH(write_law(sampled(), "mine.csv", never), Catch::Matchers::Contains("is no name for a law file"));
  CHECK_THROWS_WITH(write_law(sampled(), "x/.toml", never), Catch::Matchers::Contains("is no name for a law file"));
  CHECK(file_refused("besiroglo").find("did you mean 'besiroglu'? laws: besiroglu, deepseek,") != std::string::npos);
  CHECK(file_refused("nothing at all").find("there is no law 'nothing at all'") != std::string::npos);
  const Folder folder;
  CHECK(file_refused(folder / "absent.toml").find("absent.toml: cannot be read: No such file or directory") != std::string::npos);
  CHECK(file_refused(folder.path.string() + "/").find("is a folder") != std::string::npos);
}

TEST_CASE("the published laws: all there, each with source and definitions, the default among them") {
  std::vector<std::string> names;
  for (const ScalingLaw& law : published_laws()) {
    INFO(law.name);
    names.push_back(law.name);
    CHECK_FALSE(law.title.empty());
    CHECK(law.source.size() > 30);
    CHECK_FALSE(law.traps.empty());
    CHECK_FALSE(law.definitions.parameters.empty());
    for (const std::string& text : law.traps) CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 127; }));
  }
  CHECK(names == std::vector<std::string>{"besiroglu", "deepseek", "hoffmann-1", "hoffmann-2", "hoffmann-3", "hoffmann-3-rounded", "kaplan",
                                          "llama3", "llama3-rounded", "muennighoff", "porian", "steplaw"});
  const ScalingLaw law = find_law(default_law);
  CHECK(*law.loss_law == ParametricLaw{1.8172, 482.01, 2085.43, 0.3478, 0.3658});
  CHECK(law.samples.size() == 1000);
  CHECK(law.samples_note.find("delta") != std::string::npos);
  CHECK(law.fit->rows == 240);
  CHECK(samples_csv(law.samples).size() < 100000);
}
