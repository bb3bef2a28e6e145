// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/documents.hpp"

#include <filesystem>

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::vector<std::string> all(Documents& documents) {
  std::vector<std::string> texts;
  for (std::string text; documents.next(text);) texts.push_back(text);
  return texts;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a folder gives its files sorted by path, a document each") {
  TemporaryFolder folder;
  std::filesystem::create_directories(folder / "in/b");
  write_file(folder / "in/c.txt", "third");
  write_file(folder / "in/b/z.txt", "second\n\nstill second");
  write_file(folder / "in/a.txt", "");
  write_file(folder / "extra.txt", "last");

  Documents documents({{folder / "in", folder / "extra.txt"}});

  CHECK(documents.total_bytes() == 29);
  CHECK(all(documents) == Texts{"", "second\n\nstill second", "third", "last"});
  CHECK(documents.bytes_read() == 29);
  REQUIRE(documents.sources().size() == 4);
  CHECK(documents.sources()[1].name == "b/z.txt");
  CHECK(documents.sources()[3].name == "extra.txt");
  CHECK(documents.sources()[3].sha256 == sha256_hex("last"));
}

TEST_CASE("blank lines part documents") {
  TemporaryFolder folder;
  write_file(folder / "a.txt", "\n\none\ntwo\n \t\n\nthree\r\n\r\nfour");

  Documents documents({{folder / "a.txt"}, DocumentRule::blank_line});

  CHECK(all(documents) == Texts{"one\ntwo\n", "three\r\n", "four"});
  CHECK(documents.sources()[0].sha256 == sha256_hex(read_file(folder / "a.txt")));
}

TEST_CASE("lines of JSON give the text under the key") {
  TemporaryFolder folder;
  write_file(folder / "a.jsonl", "{\"text\": \"one\\n\\u00e9\", \"id\": 1}\n\n{\"id\": 2, \"text\": \"\"}\n{\"text\":\"three\"}");
  write_file(folder / "b.jsonl", "{\"body\": \"x\"}\n");
  write_file(folder / "c.jsonl", "{\"text\": \"x\"}\n{\"text\": 5}\n");
  write_file(folder / "d.jsonl", "{\"text\": \"x\"}\n{oops\n");

  Documents documents({{folder / "a.jsonl"}});
  CHECK(all(documents) == Texts{"one\n\xC3\xA9", "", "three"});
  Documents other({{folder / "b.jsonl"}, DocumentRule::file, "body"});
  CHECK(all(other) == Texts{"x"});
  const auto read = [&](const char* name) {
    return problem_of([&] {
      Documents wrong({{folder / name}});
      all(wrong);
    });
  };
  CHECK(contains(read("b.jsonl"), "b.jsonl:1: has no text under the key \"text\""));
  CHECK(contains(read("c.jsonl"), "c.jsonl:2: has no text under the key \"text\""));
  CHECK(contains(read("d.jsonl"), "d.jsonl:2: is not a JSON object"));
}

TEST_CASE("inputs that are absent, empty or compressed are refused") {
  TemporaryFolder folder;
  std::filesystem::create_directories(folder / "empty");
  write_file(folder / "a.gz", "\x1f\x8b\x08 and so on");

  CHECK(contains(problem_of([&] { Documents d({{folder / "none"}}); }), "none: does not exist"));
  CHECK(contains(problem_of([&] { Documents d({{folder / "empty"}}); }), "holds no file"));
  CHECK(contains(problem_of([&] { Documents d({{folder / "a.gz"}}); }), "is compressed"));
}
