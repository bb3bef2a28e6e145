// SPDX-License-Identifier: Apache-2.0
// Lines of JSON as `ergon data import` reads them, with the repair of what is no UTF-8 and the cut into units of work.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "configs/error.hpp"
#include "tests/fuzz/target.hpp"
#include "trainer/data/documents.hpp"

namespace ergon::fuzz {

namespace {

// A file in memory with the ending that makes its lines JSON.
const std::string& scratch() {
  static const std::string path = [] {
    const char* memory = std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp";
    const std::string name = std::string(memory) + "/ergon_fuzz_" + std::to_string(::getpid()) + ".jsonl";
    static std::string kept;
    kept = name;
    std::atexit([] { ::unlink(kept.c_str()); });
    return name;
  }();
  return path;
}

}  // namespace

void read(std::string_view input) {
  std::ofstream(scratch(), std::ios::binary) << input;
  try {
    Storage storage;
    const DocumentOptions options{.inputs = {scratch()}, .max_document = 4096};
    const InputFiles files(options.inputs, options.format);
    UnitReader reader(files, options, storage, 1024);
    for (InputUnit unit; reader.next(unit);) for_each_document(unit, files, options, [](Document&) {});
  } catch (const Error&) {
  }
}

std::vector<std::string_view> words() {
  return {"{\"text\": \"",
          "\"}\n",
          "{",
          "}",
          "[",
          "]",
          "\"",
          ":",
          ",",
          "\n",
          "\r\n",
          "\\u0000",
          "\\ud800",
          "\\udc00",
          "\\u00e9",
          "\xef\xbb\xbf",
          "\xc3\xa9",
          "\xf0\x9f\x98\x80",
          "\xed\xa0\x80",
          "\xf8",
          "\xff",
          "null",
          "true",
          "[[[[[[[[[[[[[[[[",
          "{\"a\":{\"a\":{\"a\":",
          "1e999",
          "\x1f\x8b",
          "\x28\xb5\x2f\xfd"};
}

}  // namespace ergon::fuzz
