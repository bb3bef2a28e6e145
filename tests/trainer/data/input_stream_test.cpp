// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/input_stream.hpp"

#include <algorithm>

#include "tests/trainer/data/compressed_files.hpp"
#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::string some_text(int lines) {
  std::string text;
  for (int i = 0; i < lines; ++i) text += "line " + std::to_string(i * 7919LL % 100'003) + " of a text\n";
  return text;
}

// What a stream gives, asked in pieces of `piece` bytes.
std::string all(const std::string& path, std::size_t piece) {
  Storage storage;
  InputStream stream(path, compression_of(read_file(path), path), storage);
  std::string text, part(piece, '\0');
  while (const std::size_t got = stream.read(part)) text.append(part, 0, got);
  CHECK(stream.stored_bytes() == std::ssize(read_file(path)));
  CHECK(stream.sha256() == sha256_hex(read_file(path)));
  return text;
}

}  // namespace

TEST_CASE("plain and compressed files give their text, in pieces of any size") {
  TemporaryFolder folder;
  const std::string text = some_text(40'000);
  write_file(folder / "a", text);
  write_file(folder / "b", gzipped(text));
  write_file(folder / "c", zstandard(text));
  for (const char* name : {"a", "b", "c"})
    for (const std::size_t piece : {std::size_t{1000}, std::size_t{1 << 20}, text.size()}) CHECK(all(folder / name, piece) == text);
}

TEST_CASE("parts of a compressed file follow each other, with zeros behind the last one of gzip") {
  TemporaryFolder folder;
  write_file(folder / "a", gzipped("one ") + gzipped("") + gzipped("two") + std::string(3000, '\0'));
  write_file(folder / "b", zstandard("one ") + zstandard("") + zstandard("two"));
  write_file(folder / "c", "");
  CHECK(all(folder / "a", 2) == "one two");
  CHECK(all(folder / "b", 2) == "one two");
  CHECK(all(folder / "c", 2).empty());
}

TEST_CASE("compressed data that is damaged or cut short is refused wherever that is") {
  TemporaryFolder folder;
  const std::string text = some_text(400);
  for (const std::string& whole : {gzipped(text), zstandard(text)}) {
    for (std::size_t size = 8; size < whole.size(); size += whole.size() / 7) {
      write_file(folder / "a", whole.substr(0, size));
      CHECK(contains(problem_of([&] { all(folder / "a", 1000); }), "its compressed data is cut short at byte"));
    }
    write_file(folder / "a", whole + "more");
    CHECK(contains(problem_of([&] { all(folder / "a", 1000); }), "holds damaged compressed data near byte"));
  }
  write_file(folder / "a", gzipped(text));
  flip_bit(folder / "a", std::ssize(gzipped(text)) - 6);
  CHECK(contains(problem_of([&] { all(folder / "a", 1000); }), "holds damaged compressed data near byte"));
}

TEST_CASE("a file that is not there is refused") {
  Storage storage;
  CHECK(contains(problem_of([&] { InputStream stream("/nonexistent", Compression::none, storage); }), "open failed"));
}
