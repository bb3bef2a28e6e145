// SPDX-License-Identifier: Apache-2.0
#include "launch/progress.hpp"

#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

StepProgress sample() {
  StepProgress progress;
  progress.step = 120;
  progress.steps = 400;
  progress.loss = 3.21451;
  progress.tokens_per_second = 12345;
  progress.data_wait = 0.001;
  progress.remaining = {3792};
  progress.spent = {1.234e-7};
  return progress;
}

std::string printed(StatusLine::Style style) {
  test::TemporaryFolder folder;
  std::FILE* file = std::fopen((folder / "out").c_str(), "w+");
  {
    ProgressPrinter printer(file, style);
    printer.step(sample());
    printer.step(sample());
    printer.message("saved");
  }
  std::fclose(file);
  return test::read_file(folder / "out");
}

}  // namespace

TEST_CASE("the line says step, loss, speed, utilisation, data wait, time left and pfs-days") {
  CHECK(progress_line(sample()) == "step 120/400  loss 3.2145  12.3k tok/s  peak unknown  data 0.1%  ETA 01:03:12  1.23e-07 pfs-days");
  StepProgress known = sample();
  known.mfu = 0.412;
  CHECK_THAT(progress_line(known), Catch::Contains("MFU 41.2%"));
}

TEST_CASE("numbers are short, times are of a clock") {
  CHECK(compact_number(7) == "7.0");
  CHECK(compact_number(12345) == "12.3k");
  CHECK(compact_number(1.2345e6) == "1.23M");
  CHECK(clock_time({3792.4}) == "01:03:12");
  CHECK(clock_time({400'000}) == "111:06:40");
}

TEST_CASE("a step that follows within seconds is not shown, a message always is") {
  CHECK(printed(StatusLine::Style::plain) == progress_line(sample()) + "\nsaved\n");
  CHECK(printed(StatusLine::Style::terminal) == progress_line(sample()) + "\r\033[Ksaved\n");
}

TEST_CASE("the last step is shown however soon it comes") {
  test::TemporaryFolder folder;
  std::FILE* file = std::fopen((folder / "out").c_str(), "w+");
  StepProgress last = sample();
  last.step = last.steps;
  {
    ProgressPrinter printer(file, StatusLine::Style::plain);
    printer.step(sample());
    printer.step(last);
  }
  std::fclose(file);
  CHECK(test::read_file(folder / "out") == progress_line(sample()) + "\n" + progress_line(last) + "\n");
}
