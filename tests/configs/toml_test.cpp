// SPDX-License-Identifier: Apache-2.0
#include "configs/toml.hpp"

#include <random>

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a file becomes dotted keys in its own order, each with its place") {
  TomlDocument document =
      read_toml("top = 1\n[b]\nz = 2.5\na = \"x\"\n  [b.c]\n  d = [true, 'y']\n[empty]\n[when]\nday = 2020-01-01\n", "f.toml");
  REQUIRE(document.entries.size() == 5);
  auto line = [&](std::size_t i) {
    return document.entries[i].where + " " + document.entries[i].key + " = " + document.entries[i].value.written;
  };
  CHECK(line(0) == "f.toml:1:1 top = 1");
  CHECK(line(1) == "f.toml:3:1 b.z = 2.5");
  CHECK(line(2) == "f.toml:4:1 b.a = 'x'");
  CHECK(line(3) == "f.toml:6:3 b.c.d = [true, 'y']");
  CHECK(line(4) == "f.toml:9:1 when.day = a date or a time");
  std::string sections;
  for (const TomlSection& section : document.sections) sections += section.name + " ";
  CHECK(sections == "b b.c empty when ");
}

TEST_CASE("a key stands in the section before its first dot") {
  CHECK(section_of("train.steps") == "train");
  CHECK(section_of("a.b.c") == "a");
  CHECK(section_of("steps") == "steps");
}

TEST_CASE("what is not TOML is refused with its place") {
  std::string text = test::refusal([] { read_toml("[run]\nfolder = \"a\nseed = 1\n", "f.toml"); });
  CHECK(text.rfind("f.toml:2:", 0) == 0);
  CHECK(text.find("not TOML") != std::string::npos);
  CHECK(test::refusal([] { read_toml("[a]\nb = 1\nb = 2\n", "f.toml"); }).rfind("f.toml:3:", 0) == 0);
}

TEST_CASE("single values") {
  CHECK(std::get<std::int64_t>(read_toml_value("12")->data) == 12);
  CHECK(std::get<double>(read_toml_value("1e-4")->data) == 1e-4);
  CHECK(std::get<std::string>(read_toml_value("\"a b\"")->data) == "a b");
  CHECK(read_toml_value("[1, 2]")->written == "[1, 2]");
  const Value tables = read_toml_value("[{path = \"a\", weight = 0.25}]").value();
  const auto& table = std::get<Value::Table>(std::get<Value::List>(tables.data).at(0).data);
  CHECK(table.at(1).key == "weight");
  CHECK(std::get<double>(table.at(1).value.data) == 0.25);
  CHECK(tables.written == "[{path = 'a', weight = 0.25}]");
  for (const char* text : {"", "bare", "25 MiB", "1\nother = 2", "[1", "'open"}) {
    INFO(text);
    CHECK_FALSE(read_toml_value(text));
  }
}

TEST_CASE("texts and numbers read back to the same") {
  for (const std::string& text :
       {std::string(), std::string("a\"b\\c"), std::string("tab\tnewline\n"), std::string("\x01\x7f"), std::string("gr\xc3\xbc\xc3\x9f")}) {
    CHECK(std::get<std::string>(read_toml_value(toml_text(text))->data) == text);
  }
  CHECK(toml_number(1) == "1.0");
  CHECK(toml_number(6e-4) == "0.0006");
  std::mt19937_64 random(3);
  for (int i = 0; i < 1000; ++i) {
    double number = std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 400) - 250);
    CHECK(std::get<double>(read_toml_value(toml_number(number))->data) == number);
  }
}
