// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/input_units.hpp"

#include <algorithm>
#include <filesystem>

#include "tests/trainer/data/compressed_files.hpp"
#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

struct Read {
  std::vector<InputUnit> units;
  std::vector<SourceFile> sources;

  // The text of a file, put together again.
  std::string text(std::int64_t file) const {
    std::string all;
    for (const InputUnit& unit : units)
      for (const UnitPiece& piece : unit.pieces)
        if (piece.file == file) all += unit.text.substr(piece.begin, piece.size);
    return all;
  }
};

Read read(const DocumentOptions& options, std::int64_t bytes = 3 << 20) {
  Storage storage;
  const InputFiles files(options.inputs, options.format);
  UnitReader reader(files, options, storage, bytes);
  Read read;
  for (InputUnit unit; reader.next(unit);) read.units.push_back(unit);
  read.sources = reader.sources();
  return read;
}

// About `megabytes` of lines, an empty one after every ninth.
std::string paragraphs(int megabytes) {
  std::string text;
  for (int i = 0; std::ssize(text) < megabytes * 1'000'000; ++i)
    text += i % 10 == 9 ? " \n" : "line " + std::to_string(i) + std::string(60, 'x') + "\n";
  return text;
}

}  // namespace

TEST_CASE("a large text is cut after blank lines, and lines are counted through") {
  TemporaryFolder folder;
  const std::string text = paragraphs(9);
  write_file(folder / "a.txt", text);

  const Read got = read({.inputs = {folder / "a.txt"}, .rule = DocumentRule::blank_line});

  CHECK(got.units.size() == 3);
  CHECK(got.text(0) == text);
  std::int64_t line = 1, stored = 0;
  for (const InputUnit& unit : got.units) {
    REQUIRE(unit.pieces.size() == 1);
    CHECK(unit.pieces[0].first_line == line);
    CHECK((unit.text.ends_with("\n \n") || &unit == &got.units.back()));
    line += std::ranges::count(unit.text, '\n');
    stored += unit.stored_bytes;
  }
  CHECK(stored == std::ssize(text));
  REQUIRE(got.sources.size() == 1);
  CHECK(got.sources[0].bytes == std::ssize(text));
  CHECK(got.sources[0].sha256 == sha256_hex(text));
}

TEST_CASE("lines of JSON are cut after lines; a compressed file is cut as its text is") {
  TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 90'000; ++i) text += "{\"text\": \"" + std::string(static_cast<std::size_t>(50 + i % 60), 'y') + "\"}\n";
  write_file(folder / "a.jsonl", text);
  write_file(folder / "b.jsonl", gzipped(text));

  const Read plain = read({.inputs = {folder / "a.jsonl"}}), packed = read({.inputs = {folder / "b.jsonl"}});

  CHECK(plain.units.size() == 3);
  for (const InputUnit& unit : plain.units) CHECK(unit.text.ends_with("}\n"));
  REQUIRE(packed.units.size() == plain.units.size());
  for (std::size_t u = 0; u < plain.units.size(); ++u) CHECK(packed.units[u].text == plain.units[u].text);
  CHECK(packed.sources[0].sha256 == sha256_hex(gzipped(text)));
}

TEST_CASE("small files share units, a large one has its own, and no document is cut") {
  TemporaryFolder folder;
  std::filesystem::create_directories(folder / "in");
  const std::vector<std::pair<std::string, int>> files = {{"a", 100}, {"b", 0}, {"c", 850}, {"d", 60}, {"e", 5000}, {"f", 10}, {"g", 10}};
  for (const auto& [name, size] : files) write_file(folder / ("in/" + name), std::string(static_cast<std::size_t>(size), name[0]));

  const Read got = read({.inputs = {folder / "in"}}, 1000);

  std::vector<std::vector<std::int64_t>> by_unit;
  for (const InputUnit& unit : got.units) {
    by_unit.emplace_back();
    for (const UnitPiece& piece : unit.pieces) by_unit.back().push_back(piece.file);
  }
  CHECK(by_unit == std::vector<std::vector<std::int64_t>>{{0, 1, 2}, {3}, {4}, {5, 6}});
  for (std::size_t f = 0; f < files.size(); ++f)
    CHECK(got.text(static_cast<std::int64_t>(f)) == read_file(folder / ("in/" + files[f].first)));
  CHECK(got.sources.size() == files.size());
}

TEST_CASE("a document longer than the limit is refused with its place, before it is in memory") {
  TemporaryFolder folder;
  write_file(folder / "a.txt", "short\n\n" + std::string(5 << 20, 'x') + "\n\n");
  write_file(folder / "a.jsonl", "{\"text\": \"x\"}\n{\"text\": \"" + std::string(5 << 20, 'x') + "\"}\n");
  const auto problem = [&](const char* name, DocumentRule rule) {
    return problem_of([&] { read({.inputs = {folder / name}, .rule = rule, .max_document = 2 << 20}, 1 << 20); });
  };
  CHECK(contains(problem("a.txt", DocumentRule::file), "a.txt:1: holds a document of more than 2097152 bytes"));
  CHECK(contains(problem("a.txt", DocumentRule::blank_line), "a.txt:3: holds a document of more than 2097152 bytes"));
  CHECK(contains(problem("a.jsonl", DocumentRule::file), "a.jsonl:2: holds a document of more than 2097152 bytes"));
}
