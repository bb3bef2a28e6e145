// SPDX-License-Identifier: Apache-2.0
// tokenizer_probe NAME END PATTERN: texts to ids and back, for tokenizers_test.py. stdin: texts, each after its length (u32,
// little-endian); stdout: for each its ids, then the text of these, both after their length.
#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <iostream>
#include <iterator>

#include "configs/error.hpp"
#include "trainer/data/tokenizers/tokenizer_file.hpp"

namespace {

void put(std::uint32_t count, const void* data, std::size_t bytes) {
  std::cout.write(reinterpret_cast<const char*>(&count), sizeof count);
  std::cout.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 4) return 2;
  std::ios::sync_with_stdio(false);
  ergon::Storage storage;
  const auto tokenizer = ergon::open_tokenizer({argv[1], argv[2], argv[3]}, storage);
  const std::string input(std::istreambuf_iterator<char>(std::cin), {});
  std::vector<std::int32_t> ids;
  for (std::size_t at = 0; at + 4 <= input.size();) {
    std::uint32_t size = 0;
    std::memcpy(&size, input.data() + at, sizeof size);
    ids.clear();
    tokenizer->encode(std::string_view(input).substr(at + 4, size), ids);
    const std::string text = tokenizer->decode(ids);
    put(static_cast<std::uint32_t>(ids.size()), ids.data(), ids.size() * sizeof ids[0]);
    put(static_cast<std::uint32_t>(text.size()), text.data(), text.size());
    at += 4 + size;
  }
  return 0;
} catch (const ergon::Error& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 3;
}
