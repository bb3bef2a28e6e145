// SPDX-License-Identifier: Apache-2.0
#include "launch/data/count_progress.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a line says what is done, how fast, and what is left") {
  CHECK(count_line("copy", 12'000'000, 48'000'000, {4}) == "copy: 12.0 of 48.0 million tokens, 3.00 million/s, 12 s left");
  CHECK(count_line("copy", 0, 48'000'000, {4}) == "copy: 0.0 of 48.0 million tokens, 0.00 million/s, 0 s left");
}

TEST_CASE("lines come every ten seconds where no terminal is") {
  std::FILE* file = std::tmpfile();
  {
    CountPrinter printer("copy", file, StatusLine::Style::plain);
    const Clock::time_point now = Clock::now();
    for (int second = 0; second <= 21; ++second) printer.show(second, 100, now + std::chrono::seconds(second));
  }
  std::rewind(file);
  int lines = 0;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) lines += c == '\n';
  std::fclose(file);
  CHECK(lines == 2);
}
