// SPDX-License-Identifier: Apache-2.0
#include "launch/jobs/shell_words.hpp"

#include <array>
#include <cstdio>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

// What a shell makes of the line: its arguments, each between brackets.
std::string arguments_of(const std::string& line) {
  std::FILE* shell = popen(("printf '[%s]' " + line).c_str(), "r");
  std::string text;
  std::array<char, 256> part;
  for (std::size_t got; (got = std::fread(part.data(), 1, part.size(), shell)) > 0;) text.append(part.data(), got);
  pclose(shell);
  return text;
}

}  // namespace

TEST_CASE("shell_words: a shell gets back every word as it was") {
  const std::vector<std::string> words = {"plain",     "with blank", "quote's", "\"double\"", "$(touch /tmp/x)", "`id`",        "$HOME",
                                          "a;b&c|d>e", "*",          "~",       "",           "back\\slash",     "#no comment", "!history",
                                          "=x",        "key=[1, 2]", "-n"};
  std::string expected;
  for (const std::string& word : words) expected += "[" + word + "]";
  CHECK(arguments_of(shell_line(words)) == expected);
  CHECK(shell_line({"run.folder=runs/a", "model.layers=6"}) == "run.folder=runs/a model.layers=6");  // readable where it can be
}

TEST_CASE("shell_words: a newline is refused") {
  for (const char* word : {"a\nb", "\r", "tab\there", "\x7f"}) {
    try {
      shell_word(word);
      FAIL("not refused");
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find("holds a newline or another control character") != std::string::npos);
      CHECK(error.code() == ExitCode::config);
    }
  }
}
