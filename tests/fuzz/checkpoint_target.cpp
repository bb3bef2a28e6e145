// SPDX-License-Identifier: Apache-2.0
// The text files of a checkpoint. The first byte says which: m manifest (whose own checksum is made to match), i index, s state,
// rank has written.
#include "configs/error.hpp"
#include "tests/fuzz/target.hpp"
#include "trainer/checkpoint/format.hpp"
#include "trainer/crc32c.hpp"

namespace ergon::fuzz {

void read(std::string_view input) {
  if (input.empty()) return;
  std::string text(input.substr(1));
  static const Manifest manifest{{"u", 1, 1}, {}, "r", {}, {{"shard_0000.h5", 1 << 20, 0}, {"shard_0001.h5", 1 << 20, 0}}};
  try {
    if (input[0] == 'm') parse_manifest(text + ",\n \"crc32c\": \"" + crc32c_text(crc32c(text)) + "\"\n}\n", "MANIFEST.json");
    if (input[0] == 'i') parse_index(text, "index.json", manifest);
    if (input[0] == 's') parse_state(text, "state.json");
  } catch (const Error&) {
  }
}

std::vector<std::string_view> words() {
  return {"{",
          "}",
          "[",
          "]",
          "\"",
          ":",
          ",",
          "null",
          "true",
          "-1",
          "\"schema\": ",
          "\"id\": ",
          "\"uuid\": ",
          "\"step\": ",
          "\"attempt\": ",
          "\"files\": ",
          "\"name\": ",
          "\"bytes\": ",
          "\"crc32c\": ",
          "\"tensors\": ",
          "\"dtype\": \"float32\"",
          "\"bfloat16\"",
          "\"shape\": ",
          "\"pieces\": ",
          "\"offset\": ",
          "\"extent\": ",
          "\"range\": ",
          "\"file\": ",
          "\"dataset\": ",
          "..",
          "/",
          "\\u0000",
          "[[[[[[[[[[[[[[[[",
          "{\"a\":{\"a\":{\"a\":"};
}

}  // namespace ergon::fuzz
