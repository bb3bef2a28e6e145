// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/component.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;
using nlohmann::json;

TEST_CASE("component: values by their kind, with what stands for a missing one") {
  const json object = {{"type", "T"}, {"yes", true}, {"word", "w"}, {"count", 3}, {"list", {1}}, {"none", nullptr}, {"x", 1}};
  Component component(object, "place", "f");
  CHECK(component.type() == "T");
  CHECK(component.flag("yes", false));
  CHECK(component.flag("missing", true));
  CHECK(component.text("word", "") == "w");
  CHECK(component.text("none", "otherwise") == "otherwise");
  CHECK(component.number("count", 0) == 3);
  CHECK(component.array("list").size() == 1);
  CHECK(component.part("none") == nullptr);
  CHECK(contains(problem_of([&] { component.done(); }), "f: place has a 'x', which this version does not know"));
  component.ignore("x");
  component.done();
}

TEST_CASE("component: values of another kind are refused") {
  const json object = {{"a", 1}, {"b", "text"}, {"c", -1}, {"d", 1.5}, {"e", 4e9}};
  Component component(object, "place", "f");
  CHECK(contains(problem_of([&] { component.flag("a", false); }), "f: place has a 'a' that is neither true nor false"));
  CHECK(contains(problem_of([&] { component.text("a", ""); }), "f: place has a 'a' that is no text"));
  for (const char* key : {"b", "c", "d", "e"})
    CHECK(contains(problem_of([&] { component.number(key, 0); }), fmt::format("f: place has a '{}' that is no count", key)));
  CHECK(contains(problem_of([&] { component.array("a"); }), "f: place has no list 'a'"));
  CHECK(contains(problem_of([&] { component.array("none"); }), "f: place has no list 'none'"));
  CHECK(contains(problem_of([] { Component(json::array(), "place", "f"); }), "f: place is not an object"));
}
