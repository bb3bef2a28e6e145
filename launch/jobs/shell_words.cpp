// SPDX-License-Identifier: Apache-2.0
#include "launch/jobs/shell_words.hpp"

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./:=,+@%").find(c) != std::string_view::npos;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

std::string shell_word(const std::string& word) {
  if (std::ranges::any_of(word, is_control)) {
    std::string shown = word;
    std::ranges::replace_if(shown, is_control, '?');
    throw Error("a word of the command holds a newline or another control character", shown, "rename what it names");
  }
  // A leading ~ would be a home, a leading = a program's place in some shells.
  if (!word.empty() && std::ranges::all_of(word, is_plain) && word.front() != '=') return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string shell_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line += ' ';
    line += shell_word(word);
  }
  return line;
}

}  // namespace ergon
