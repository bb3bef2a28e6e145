// SPDX-License-Identifier: Apache-2.0
#include "configs/parse.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::overridden;
using test::parsed;
using test::refusal;
using test::refused;

TEST_CASE("defaults, then the preset, then the file, then the overrides") {
  CHECK(parsed("").model.layers == 4);
  CHECK(parsed("[model]\npreset = \"gpt2-124m\"\n").model.layers == 12);
  CHECK(parsed("[model]\nlayers = 6\npreset = \"gpt2-124m\"\n").model.layers == 6);
  CHECK(parsed("[model]\nlayers = 6\npreset = \"gpt2-124m\"\n", {"model.layers=3"}).model.layers == 3);
  CHECK(parsed("[model]\nlayers = 6\npreset = \"gpt2-124m\"\n", {"model.preset=llama3-8b"}).model.layers == 6);
  CHECK(parsed("[model]\npreset = \"gpt2-124m\"\n", {"model.preset=llama3-8b"}).model.width == 4096);
  CHECK(overridden({"train.steps=5", "train.steps=7"}).train.steps == 7);
  CHECK(overridden({"model.preset=gpt2-124m", "model.heads=6"}).model.head_width == 128);
}

TEST_CASE("all errors of a file and a command line at once, in their order, each with its place and the way out") {
  std::string text = refusal([] {
    parsed("setps = 4\n[trian]\nbatch = 3\n[train]\nstps = 10\nbatch = \"many\"\n[mesh]\nlr = 3\n[model]\npreset = \"gpt3\"\nzzz = 1\n",
           {"train.batch", "run.sed=1", "a.b=2"});
  });
  CHECK(text ==
        "run.toml: 10 errors\n"
        "  run.toml:2:2: unknown section [trian]\n    hint: did you mean 'train'?\n"
        "  override 'train.batch': an override is written key=value\n    hint: for instance train.steps=100\n"
        "  run.toml:10:1: there is no preset 'gpt3'\n    hint: presets: gpt2-124m, gpt2-1558m, gpt2-350m, gpt2-774m, llama3-70b, "
        "llama3-8b, tiny-gpt, tiny-llama\n"
        "  run.toml:1:1: unknown key 'setps'\n    hint: did you mean 'train.steps'?\n"
        "  run.toml:5:1: unknown key 'train.stps'\n    hint: did you mean 'train.steps'?\n"
        "  run.toml:6:1: train.batch takes a whole number >= 1, not 'many'\n"
        "  run.toml:8:1: unknown key 'mesh.lr'\n    hint: did you mean 'optimizer.lr'?\n"
        "  run.toml:11:1: unknown key 'model.zzz'\n    hint: `ergon train --help` lists all keys\n"
        "  override 'run.sed=1': unknown key 'run.sed'\n    hint: did you mean 'run.seed'?\n"
        "  override 'a.b=2': unknown key 'a.b'\n    hint: `ergon train --help` lists all keys");
}

TEST_CASE("a key without its section is proposed with it") {
  CHECK(refused({"steps=4"}) == "override 'steps=4': unknown key 'steps'\n  hint: did you mean 'train.steps'?");
  CHECK(refusal([] {
          parsed("[wholly_unlike]\n");
        }).find("run.toml:1:2: unknown section [wholly_unlike]\n  hint: sections: accounting, checkpoint, ") == 0);
  CHECK(refusal([] { parsed("[train.deep]\nx = 1\n"); }).find("unknown key 'train.deep.x'") != std::string::npos);
  CHECK(refusal([] { parsed("train = 5\n"); }).find("run.toml:1:1: unknown key 'train'") == 0);
}

TEST_CASE("a run needs its data, a description does not") {
  CHECK(refusal([] { parse_run_text("", "run.toml", {}, Purpose::train); }) ==
        "run.toml: data.train is missing: it names the token store to train on\n  hint: make one with `ergon data import FOLDER -o "
        "tokens.h5`");
  CHECK(parse_run_text("", "run.toml", {"data.train=t.h5"}, Purpose::train).data.train.size() == 1);
  CHECK_NOTHROW(parsed(""));
}

TEST_CASE("files: read, refused when absent, a preset by name where a description will do") {
  CHECK(refusal([] {
          parse_run_config("/nowhere/run.toml", {});
        }).find("/nowhere/run.toml: cannot be read: No such file or directory\n  hint: ") == 0);
  CHECK(refusal([] { parse_run_config("/", {}); }) == "/: is a folder, not a run file\n  hint: name the .toml file in it");
  CHECK(load_model("gpt2-124m").width == 768);
  CHECK(load_model("gpt2-124m", {"model.layers=1"}).layers == 1);
  CHECK(refusal([] {
          load_model("gpt2-125m");
        }).find("gpt2-125m: there is no such file and no such preset\n  hint: did you mean 'gpt2-124m'? presets: ") == 0);
  CHECK(refusal([] { parse_run_config("gpt2-124m", {}); }).find("gpt2-124m: cannot be read") == 0);

  std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("ergon parse test {}.toml", std::random_device{}());
  std::ofstream(path) << "[model]\nlayers = 7\n";
  CHECK(load_model(path.string()).layers == 7);
  std::filesystem::remove(path);
}

TEST_CASE("the example at the top of the tree is a run file") {
  const char* source = std::getenv("ERGON_SOURCE");
  REQUIRE(source != nullptr);
  RunConfig config = parse_run_config(std::string(source) + "/examples.toml", {"model.layers=6", "mesh.dp=2", "mesh.tp=2"});
  CHECK(config.model.layers == 6);
  CHECK(config.data.train == std::vector<std::string>{"runs/quickstart/tokens.h5"});
}
