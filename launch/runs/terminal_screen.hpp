// SPDX-License-Identifier: Apache-2.0
// A whole terminal, taken over and given back as it was: alternate screen, cursor and modes, also after INT, TERM, HUP, QUIT or an
// exception. The only door to ncurses. One at a time.
//
// While it lives, INT, TERM, HUP and QUIT of the process come out of wait() as events, and nothing else may write to the terminal.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "configs/quantities.hpp"

namespace ergon {

class TerminalScreen {
 public:
  struct Event {
    enum class Kind { none, key, resized, signal } kind = Kind::none;
    int value = 0;  // a key as ncurses numbers them, or a signal
  };

  // out, in: the two sides of one terminal. Throws Error (ExitCode::config) for a terminal on which nothing can be placed, by TERM.
  TerminalScreen(std::FILE* out, std::FILE* in);
  TerminalScreen(const TerminalScreen&) = delete;
  TerminalScreen& operator=(const TerminalScreen&) = delete;
  ~TerminalScreen();

  int columns() const;
  int rows() const;
  // Printable lines (screen_text) from the first row on; the first is bold. What does not fit is cut off, and what was there before is
  // gone.
  void show(const std::vector<std::string>& lines);
  // The next event, or none after `longest`. A terminal that is gone counts as HUP.
  Event wait(Seconds longest);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ergon
