// SPDX-License-Identifier: Apache-2.0
// A view of a run as lines of text: no terminal, no files, no clock.
#pragma once

#include <string>
#include <vector>

#include "launch/runs/screen_text.hpp"
#include "launch/runs/watch_view.hpp"

namespace ergon {

struct ScreenSize {
  int columns = 80, rows = 24;
};

// At most size.rows lines of at most size.columns cells. Where there is not room for all, what matters most stays: state, step, loss,
// speed, ranks; where there is more, the curve becomes higher, and ranks, notes and the log get lines of their own.
std::vector<std::string> lay_out(const WatchView& view, ScreenSize size, Glyphs glyphs);

}  // namespace ergon
