// SPDX-License-Identifier: Apache-2.0
// A run file, as `ergon train` and `ergon plan` read it.
#include "configs/error.hpp"
#include "configs/parse.hpp"
#include "tests/fuzz/target.hpp"

namespace ergon::fuzz {

void read(std::string_view input) {
  for (const Purpose purpose : {Purpose::train, Purpose::describe}) {
    try {
      parse_run_text(std::string(input), "run.toml", {}, purpose);
    } catch (const Error&) {
    }
  }
}

std::vector<std::string_view> words() {
  return {"[model]\n",
          "[data]\n",
          "[train]\n",
          "[mesh]\n",
          "[optimizer]\n",
          "[checkpoint]\n",
          "[",
          "[[",
          "]",
          "]]",
          " = ",
          "\"",
          "'",
          "'''",
          "\"\"\"",
          "{",
          "}",
          ",",
          ".",
          "\n",
          "preset = \"gpt2-124m\"\n",
          "layers = ",
          "width = ",
          "heads = ",
          "kv_heads = ",
          "sequence = ",
          "train = ",
          "\"25 MiB\"",
          "\"10 pfs-days\"",
          "\"5 min\"",
          "inf",
          "nan",
          "-",
          "true",
          "false",
          "0x",
          "1979-05-27T07:32:00Z",
          "\\u0000",
          "\\U0010ffff",
          "\xef\xbb\xbf",
          "\xff"};
}

}  // namespace ergon::fuzz
