// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/documents.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::vector<Document> documents_of(const DocumentOptions& options) {
  Storage storage;
  const InputFiles files(options.inputs, options.format);
  UnitReader reader(files, options, storage);
  std::vector<Document> documents;
  for (InputUnit unit; reader.next(unit);)
    for_each_document(unit, files, options, [&](Document& document) { documents.push_back(document); });
  return documents;
}

using Texts = std::vector<std::string>;

Texts texts(const DocumentOptions& options) {
  Texts texts;
  for (const Document& document : documents_of(options)) texts.push_back(document.text);
  return texts;
}

}  // namespace

TEST_CASE("a file is a document, an empty one too") {
  TemporaryFolder folder;
  write_file(folder / "a.txt", "");
  write_file(folder / "b.txt", "second\n\nstill second");
  CHECK(texts({.inputs = {folder / "a.txt", folder / "b.txt"}}) == Texts{"", "second\n\nstill second"});
  CHECK(documents_of({.inputs = {folder / "a.txt", folder / "b.txt"}})[1].file == 1);
}

TEST_CASE("blank lines part documents") {
  TemporaryFolder folder;
  write_file(folder / "a.txt", "\n\none\ntwo\n \t\n\nthree\r\n\r\nfour");
  const auto documents = documents_of({.inputs = {folder / "a.txt"}, .rule = DocumentRule::blank_line});
  REQUIRE(documents.size() == 3);
  const Texts expected = {"one\ntwo\n", "three\r\n", "four"};
  const std::int64_t lines[] = {3, 7, 9};
  for (std::size_t d = 0; d < 3; ++d) {
    CHECK(documents[d].text == expected[d]);
    CHECK(documents[d].line == lines[d]);
  }
}

TEST_CASE("lines of JSON give the text under the key") {
  TemporaryFolder folder;
  write_file(folder / "a.jsonl", "{\"text\": \"one\\n\\u00e9\", \"id\": 1}\n\n{\"id\": 2, \"text\": \"\"}\n{\"text\":\"three\"}");
  write_file(folder / "b.jsonl", "{\"body\": \"x\"}\n");
  write_file(folder / "c.jsonl", "{\"text\": \"x\"}\n{\"text\": 5}\n");
  write_file(folder / "d.jsonl", "{\"text\": \"x\"}\n{oops\n");

  CHECK(texts({.inputs = {folder / "a.jsonl"}}) == Texts{"one\n\xC3\xA9", "", "three"});
  CHECK(texts({.inputs = {folder / "b.jsonl"}, .text_key = "body"}) == Texts{"x"});
  const auto problem = [&](const char* name) { return problem_of([&] { texts({.inputs = {folder / name}}); }); };
  CHECK(contains(problem("b.jsonl"), "b.jsonl:1: has no text under the key \"text\""));
  CHECK(contains(problem("c.jsonl"), "c.jsonl:2: has no text under the key \"text\""));
  CHECK(contains(problem("d.jsonl"), "d.jsonl:2: is not a JSON object"));
  write_file(folder / "e.jsonl", "{\"text\": \"x\"}\n" + std::string(8 << 20, '[') + "\n");
  CHECK(contains(problem("e.jsonl"), "e.jsonl:2: nests deeper than 64 levels"));
}

TEST_CASE("text that is not UTF-8 is repaired before JSON is read, and counted") {
  TemporaryFolder folder;
  write_file(folder / "a.jsonl", "{\"text\": \"good\"}\n{\"text\": \"b\xFF\xE2\x82 d\"}\n");
  write_file(folder / "a.txt", "b\xFF\xE2\x82 d");
  for (const char* name : {"a.jsonl", "a.txt"}) {
    const Document last = documents_of({.inputs = {folder / name}}).back();
    CHECK(last.text == "b\xEF\xBF\xBD\xEF\xBF\xBD d");
    CHECK(last.replaced_sequences == 2);
    CHECK(last.replaced_bytes == 3);
  }
  CHECK(documents_of({.inputs = {folder / "a.jsonl"}}).front().replaced_sequences == 0);
}

TEST_CASE("an escape of a lone surrogate is a part that is not UTF-8") {
  TemporaryFolder folder;
  write_file(folder / "a.jsonl", R"({"text": "cut \ud83d"}
{"text": "\ude00\ud83d\ude00 \\ud83d", "other": ")"
                                 "\xFF"
                                 R"("}
{"text": "whole"}
)");
  const auto documents = documents_of({.inputs = {folder / "a.jsonl"}});
  REQUIRE(documents.size() == 3);
  const Texts expected = {"cut \xEF\xBF\xBD", "\xEF\xBF\xBD\xF0\x9F\x98\x80 \\ud83d", "whole"};
  const std::int64_t sequences[] = {1, 2, 0}, bytes[] = {6, 7, 0}, escapes[] = {1, 1, 0};
  for (std::size_t d = 0; d < 3; ++d) {
    CHECK(documents[d].text == expected[d]);
    CHECK(documents[d].replaced_sequences == sequences[d]);
    CHECK(documents[d].replaced_bytes == bytes[d]);
    CHECK(documents[d].lone_surrogates == escapes[d]);
  }
  const InputFiles files({folder / "a.jsonl"}, FormatRule::by_name);
  CHECK(contains(problem_of([&] { refuse_invalid(documents[1], files, "a hint"); }),
                 "a.jsonl:2: holds a document that is not UTF-8 (2 ill-formed parts, 1 of them escapes of lone surrogates)"));
}

TEST_CASE("a store says in words what became of text that is not UTF-8") {
  CHECK(std::string(name(InvalidUtf8::replace)) == "replaced by U+FFFD");
  CHECK(std::string(name(InvalidUtf8::drop)) == "left out");
  CHECK(std::string(name(InvalidUtf8::refuse)) == "refused");
}

TEST_CASE("a short document that is longer than the limit is refused by itself") {
  TemporaryFolder folder;
  write_file(folder / "a.txt", "four\n\nfive5\n");
  CHECK(contains(problem_of([&] { texts({.inputs = {folder / "a.txt"}, .rule = DocumentRule::blank_line, .max_document = 5}); }),
                 "a.txt:3: is a document of 6 bytes, more than 5"));
}
