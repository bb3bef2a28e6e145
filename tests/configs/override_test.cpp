// SPDX-License-Identifier: Apache-2.0
#include "configs/override.hpp"

#include <random>

#include "configs/key_table.hpp"
#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::overridden;
using test::parsed;
using test::refused;

TEST_CASE("an override is the entry that a file would have made of it") {
  Problems problems;
  const std::optional<TomlEntry> entry = read_override(" train.steps = 9 ", problems);
  REQUIRE(entry);
  CHECK(entry->key == "train.steps");
  CHECK(std::get<std::int64_t>(entry->value.data) == 9);
  CHECK(entry->where == "override ' train.steps = 9 '");
  CHECK(read_override("no.such=1", problems)->key == "no.such");
  CHECK(problems.empty());
  CHECK_FALSE(read_override("train.steps", problems));
  CHECK(problems.size() == 1);
}

TEST_CASE("where a key takes a text, a number or true is one; elsewhere it is not") {
  Problems problems;
  const auto text_of = [&](const std::string& text) { return std::get<std::string>(read_override(text, problems)->value.data); };
  CHECK(text_of("run.folder=2024") == "2024");
  CHECK(text_of("data.train=true") == "true");
  CHECK(text_of("model.norm=rmsnorm") == "rmsnorm");
  CHECK(std::get<bool>(read_override("model.tied=true", problems)->value.data));
}

TEST_CASE("overrides are TOML values or bare texts") {
  CHECK(overridden({"run.folder=runs/my run"}).run.folder == "runs/my run");
  CHECK(overridden({"run.folder=\"runs/x\""}).run.folder == "runs/x");
  CHECK(overridden({" train.steps = 9 "}).train.steps == 9);
  CHECK(overridden({"run.folder=a=b"}).run.folder == "a=b");
  CHECK(refused({"data.train=[a.h5, b.h5]"}).find("[a.h5, b.h5] is not a TOML value\n  hint: texts in a list stand between quotes") !=
        std::string::npos);
  CHECK(refused({"run.folder=\xff"}).find("the value is not UTF-8\n  hint: ") != std::string::npos);
  CHECK(refused({"=3"}).find("an override is written key=value") != std::string::npos);
  CHECK(refused({"train.steps=nine"}) == "override 'train.steps=nine': train.steps takes a whole number >= 1, not 'nine'");
}

TEST_CASE("no override whatever crashes: it is accepted or refused, and what is accepted round-trips") {
  std::mt19937_64 random(4);
  std::vector<std::string> names = key_names();
  const std::vector<std::string> pieces = {
      "1", "-1", "0",  "1e3",        "0.5",  "true",     "\"",          "'",         "[",    "]", ",",
      "=", " ",  "a",  "GiB",        "min",  "pfs-days", "inf",         "nan",       "\\",   "#", "{",
      "}", "\n", "\t", "1979-05-27", "0x1F", "1_000",    "tp-cp-dp-pp", "gpt2-124m", "\xff", ".", "99999999999999999999"};
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = random() % 10 == 0 ? "" : names[random() % names.size()];
    if (random() % 10 != 0) text += "=";
    for (std::uint64_t n = random() % 5; n > 0; --n) text += pieces[random() % pieces.size()];
    try {
      RunConfig config = overridden({text});
      ++accepted;
      INFO(text);
      CHECK(parsed(to_toml(config)) == config);
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::config);
    }
  }
  CHECK(accepted > 800);
}
