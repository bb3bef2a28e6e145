// SPDX-License-Identifier: Apache-2.0
// A line of progress: in a terminal it is written over the one before, elsewhere each stands by itself. How often one is shown is its
// owner's business. The destructor ends a line that still stands open.
#pragma once

#include <cstdio>
#include <string>

namespace ergon {

class StatusLine {
 public:
  enum class Style { terminal, plain };
  StatusLine(std::FILE* out, Style style) : out_(out), style_(style) {}
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  void show(const std::string& text);     // takes the place of what was shown before, where it can
  void message(const std::string& text);  // stays
  Style style() const { return style_; }

 private:
  void clear();

  std::FILE* out_;
  Style style_;
  bool open_ = false;
};

// Terminal style when `out` is one.
StatusLine::Style style_of(std::FILE* out);

}  // namespace ergon
