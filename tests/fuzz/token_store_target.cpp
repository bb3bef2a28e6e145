// SPDX-License-Identifier: Apache-2.0
// The index of a token store: attributes and tables. The input is what the helper process says of the file, a line that holds a full stop,
// and the bytes of the file.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string>

#include "configs/error.hpp"
#include "tests/fuzz/target.hpp"
#include "trainer/data/token_store.hpp"

namespace ergon::fuzz {

namespace {

constexpr std::string_view border = "\n.\n";

// A file in memory, with a name that others can open.
int scratch() {
  static const int descriptor = ::memfd_create("tokens.h5", 0);
  return descriptor;
}

}  // namespace

void read(std::string_view input) {
  const std::size_t at = std::min(input.find(border), input.size());
  const std::string_view bytes = input.substr(std::min(at + border.size(), input.size()));
  const std::string answer(input.substr(0, at)), path = "/proc/self/fd/" + std::to_string(scratch());
  if (::ftruncate(scratch(), 0) != 0 || ::pwrite(scratch(), bytes.data(), bytes.size(), 0) < 0) return;
  Storage storage([&](int, const std::string& name, const std::vector<std::string>&) { return parse_hdf5_contents(answer, name); });
  try {
    const TokenStore store(path, storage);
    store.verify();
    std::array<std::int32_t, 4> tokens;
    store.read(0, std::span(tokens).first(static_cast<std::size_t>(std::min<std::int64_t>(store.info().tokens, 4))));
  } catch (const Error&) {
  }
}

std::vector<std::string_view> words() {
  return {"/tokens/data",
          "/tokens/crc32c",
          "/docs/offsets",
          "/splits/train",
          "/splits/valid",
          "/splits/test",
          "/tokenizer/model",
          "/sources",
          "\"type\": \"u16\"",
          "\"type\": \"u32\"",
          "\"type\": \"u64\"",
          "\"type\": \"u8\"",
          "\"shape\": ",
          "\"offset\": ",
          "\"bytes\": ",
          "\"integer\": ",
          "n_tokens",
          "n_docs",
          "vocab_size",
          "crc_block",
          "eod_id",
          "-1",
          std::string_view("\0\0\0\0\0\0\0\0", 8),
          std::string_view("\1\0\0\0\0\0\0\0", 8),
          "\xff\xff\xff\xff\xff\xff\xff\xff"};
}

}  // namespace ergon::fuzz
