// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/screen_text.hpp"

#include <langinfo.h>
#include <wchar.h>

#include <algorithm>
#include <clocale>
#include <vector>

namespace ergon {
namespace {

struct Character {
  std::size_t bytes = 1;
  int width = -1;  // -1: it cannot be shown
};

Character next_character(std::string_view text) {
  const unsigned char first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return {1, first >= 0x20 && first != 0x7f ? 1 : -1};
  std::mbstate_t state = {};
  wchar_t character = 0;
  const std::size_t bytes = std::mbrtowc(&character, text.data(), text.size(), &state);
  if (bytes == 0 || bytes > text.size()) return {1, -1};  // invalid, or it ends in the middle
  return {bytes, ::wcwidth(character)};
}

// ESC [ ... letter, or ESC and one more.
std::size_t escape_length(std::string_view text) {
  if (text.size() < 2 || text[1] != '[') return std::min<std::size_t>(text.size(), 2);
  std::size_t end = 2;
  while (end < text.size() && (text[end] < 0x40 || text[end] > 0x7e)) ++end;
  return std::min(end + 1, text.size());
}

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

}  // namespace

Glyphs glyphs_of_environment() {
  std::setlocale(LC_CTYPE, "");
  return std::string_view(nl_langinfo(CODESET)) == "UTF-8" ? Glyphs::utf8 : Glyphs::ascii;
}

std::string printable(std::string_view text, Glyphs glyphs) {
  std::string shown;
  while (!text.empty()) {
    std::size_t bytes = 1;
    const char first = text.front();
    if (first == '\033') {
      bytes = escape_length(text);
    } else if (first == '\r') {
      if (text.size() > 1) shown.clear();
    } else if (first == '\t') {
      shown += ' ';
    } else if (static_cast<unsigned char>(first) < 0x80) {
      if (next_character(text).width == 1) shown += first;
    } else if (glyphs == Glyphs::ascii) {
      while (bytes < text.size() && continues(text[bytes])) ++bytes;
      shown += '?';
    } else {
      const Character next = next_character(text);
      bytes = next.bytes;
      if (next.width < 0)
        shown += '?';
      else
        shown += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return shown;
}

int cells(std::string_view text) {
  int sum = 0;
  while (!text.empty()) {
    const Character next = next_character(text);
    sum += std::max(next.width, 0);
    text.remove_prefix(next.bytes);
  }
  return sum;
}

std::string clipped(std::string_view text, int columns) {
  std::size_t end = 0;
  for (int used = 0; end < text.size();) {
    const Character next = next_character(text.substr(end));
    used += std::max(next.width, 0);
    if (used > columns) break;
    end += next.bytes;
  }
  return std::string(text.substr(0, end));
}

std::string clipped_front(std::string_view text, int columns) {
  if (cells(text) <= columns) return std::string(text);
  constexpr std::string_view dots = "...";
  const int room = columns - static_cast<int>(dots.size());
  if (room <= 0) return clipped(dots, columns);
  while (cells(text) > room) text.remove_prefix(next_character(text).bytes);
  return std::string(dots) + std::string(text);
}

std::string padded(std::string_view text, int columns) {
  std::string line = clipped(text, columns);
  line.append(static_cast<std::size_t>(std::max(0, columns - cells(line))), ' ');
  return line;
}

}  // namespace ergon
