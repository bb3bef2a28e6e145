// SPDX-License-Identifier: Apache-2.0
// What the helper process says about an HDF5 file, and its check against the file's size.
#include "configs/error.hpp"
#include "tests/fuzz/target.hpp"
#include "trainer/hdf5_contents.hpp"

namespace ergon::fuzz {

void read(std::string_view input) {
  try {
    const Hdf5Contents contents = parse_hdf5_contents(std::string(input), "tokens.h5");
    check_inside(contents, 1 << 20, "tokens.h5");
    parse_hdf5_contents(to_text(contents), "tokens.h5");
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
          "-1",
          "\"schema\": \"ergon.h5-layout.v1\"",
          "\"datasets\": ",
          "\"attributes\": ",
          "\"name\": ",
          "\"type\": ",
          "\"u16\"",
          "\"u8\"",
          "\"f64\"",
          "\"shape\": ",
          "\"offset\": ",
          "\"bytes\": ",
          "\"integer\": ",
          "\"text\": ",
          "\"other\": true",
          "\"error\": ",
          "\\ud800",
          "\xff"};
}

}  // namespace ergon::fuzz
