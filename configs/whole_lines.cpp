// SPDX-License-Identifier: Apache-2.0
#include "configs/whole_lines.hpp"

namespace ergon {

namespace {

// npos + 1 is 0.
std::size_t last_end(std::string_view text) { return text.rfind('\n') + 1; }

}  // namespace

std::size_t whole_lines(std::string_view text) { return last_end(text.substr(0, text.find('\0'))); }

std::size_t lines_but_a_torn_last(std::string_view text) {
  const std::size_t end = last_end(text);
  if (end == 0 || end < text.size()) return end;  // the torn one has no end
  const std::size_t before = last_end(text.substr(0, end - 1));
  return text.substr(before, end - before).find('\0') == std::string_view::npos ? end : before;
}

}  // namespace ergon
