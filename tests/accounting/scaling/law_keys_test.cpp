// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/law_keys.hpp"

#include <functional>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

const char* text = "title = 'a'\n[loss]\nE = 1\nA = -2.5\nname = ['x', 'y']\npair = [1, 2.5]\n[empty]\n";

std::string keys_refused(const std::function<void(LawKeys&)>& ask) {
  LawKeys keys(text, "law.toml");
  try {
    ask(keys);
  } catch (const Error& error) {
    CHECK_FALSE(error.hint().empty());
    return error.where() + ": " + error.problem();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("keys are read as what they are asked for") {
  LawKeys keys(text, "law.toml");
  CHECK(keys.text("title") == "a");
  CHECK(keys.number("loss.E") == 1);
  CHECK(keys.number("loss.A") == -2.5);
  CHECK(keys.integer("loss.E", 0) == 1);
  CHECK(keys.texts("loss.name") == std::vector<std::string>{"x", "y"});
  CHECK(keys.pair("loss.pair", "[low, high]").high == 2.5);
  CHECK(keys.has_section("empty"));
  CHECK_FALSE(keys.has_section("losses"));
  CHECK_FALSE(keys.has("loss.B"));
  keys.refuse_unknown();
}

TEST_CASE("a key of another kind is refused at its place, a missing one at its section") {
  CHECK(keys_refused([](LawKeys& keys) { keys.number("title"); }) == "law.toml:1:1: title takes a number, not 'a'");
  CHECK(keys_refused([](LawKeys& keys) { keys.text("loss.E"); }) == "law.toml:3:1: loss.E takes a text, not 1");
  CHECK(keys_refused([](LawKeys& keys) { keys.texts("loss.E"); }) == "law.toml:3:1: loss.E takes a text or a list of texts, not 1");
  CHECK(keys_refused([](LawKeys& keys) { keys.above_zero("loss.A"); }) == "law.toml:4:1: loss.A takes a number above 0, not -2.5");
  CHECK(keys_refused([](LawKeys& keys) { keys.at_least_zero("loss.A"); }) == "law.toml:4:1: loss.A takes a number of at least 0, not -2.5");
  CHECK(keys_refused([](LawKeys& keys) { keys.integer("loss.A", 0); }) == "law.toml:4:1: loss.A takes a whole number >= 0, not -2.5");
  CHECK(keys_refused([](LawKeys& keys) { keys.pair("loss.E", "[low, high]"); }) == "law.toml:3:1: loss.E takes [low, high], not 1");
  CHECK(keys_refused([](LawKeys& keys) { keys.pair("loss.name", "[low, high]"); }) == "law.toml:5:1: loss.name takes a number, not 'x'");
  CHECK(keys_refused([](LawKeys& keys) { keys.number("loss.B"); }) == "law.toml:2:2: loss.B is missing");
  CHECK(keys_refused([](LawKeys& keys) { keys.text("source"); }) == "law.toml: source is missing");
  CHECK(keys_refused([](LawKeys& keys) { keys.refuse("loss.E", "is odd"); }) == "law.toml:3:1: loss.E is odd");
}

TEST_CASE("what nobody asked for is unknown, with the nearest known key") {
  CHECK(keys_refused([](LawKeys& keys) { keys.refuse_unknown(); }) == "law.toml:1:1: there is no key title in a law file");
  CHECK(keys_refused([](LawKeys& keys) {
          for (const char* key : {"title", "loss.E", "loss.A", "loss.name", "loss.pair"}) keys.has(key);
          keys.refuse_unknown();
        }) == "law.toml:7:2: there is no section [empty] in a law file");
  LawKeys keys("titel = 'a'\n", "law.toml");
  keys.has("title");
  CHECK_THROWS_WITH(keys.refuse_unknown(), Catch::Matchers::Contains("did you mean 'title'?"));
  CHECK_THROWS_WITH(LawKeys("a = \n", "law.toml"), Catch::Matchers::Contains("law.toml:1:"));
}
