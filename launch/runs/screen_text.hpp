// SPDX-License-Identifier: Apache-2.0
// Text of any origin as cells of a terminal: a log line may hold escapes, half a character, or one that is two cells wide.
// With Glyphs::utf8 the locale's LC_CTYPE must be a UTF-8 one.
#pragma once

#include <string>
#include <string_view>

namespace ergon {

enum class Glyphs { ascii, utf8 };
// What standard output may be given, after LC_CTYPE has been taken from the environment, which this does.
Glyphs glyphs_of_environment();

// Without control characters and escape sequences; what a carriage return wrote over is left out; '?' for what cannot be shown.
std::string printable(std::string_view text, Glyphs glyphs);

// The following of printable text.
int cells(std::string_view text);
std::string clipped(std::string_view text, int columns);        // its beginning
std::string clipped_front(std::string_view text, int columns);  // its end, behind "..." where something is missing
std::string padded(std::string_view text, int columns);         // clipped, and filled up with blanks

}  // namespace ergon
