// SPDX-License-Identifier: Apache-2.0
#include "launch/status_line.hpp"

#include <unistd.h>

namespace ergon {

StatusLine::~StatusLine() {
  if (open_) std::fputc('\n', out_);
}

void StatusLine::clear() {
  if (open_) std::fputs("\r\033[K", out_);
  open_ = false;
}

void StatusLine::show(const std::string& text) {
  clear();
  std::fputs(text.c_str(), out_);
  open_ = style_ == Style::terminal;
  if (!open_) std::fputc('\n', out_);
  std::fflush(out_);
}

void StatusLine::message(const std::string& text) {
  clear();
  std::fputs((text + "\n").c_str(), out_);
  std::fflush(out_);
}

StatusLine::Style style_of(std::FILE* out) { return isatty(fileno(out)) ? StatusLine::Style::terminal : StatusLine::Style::plain; }

}  // namespace ergon
