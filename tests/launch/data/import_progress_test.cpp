// SPDX-License-Identifier: Apache-2.0
#include "launch/data/import_progress.hpp"

#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

constexpr std::int64_t megabyte = 1'000'000;

// Progress of 100 MB shown at these milliseconds, 1 MB further each time.
std::string printed(StatusLine::Style style, const std::vector<std::pair<const char*, int>>& shown) {
  test::TemporaryFolder folder;
  std::FILE* file = std::fopen((folder / "out").c_str(), "w+");
  {
    ImportPrinter printer(file, style);
    std::int64_t done = 0;
    for (const auto& [phase, milliseconds] : shown)
      printer.show({phase, {++done * megabyte}, {100 * megabyte}}, Clock::time_point() + std::chrono::milliseconds(1000 + milliseconds));
  }
  std::fclose(file);
  return test::read_file(folder / "out");
}

}  // namespace

TEST_CASE("the line says phase, megabytes, speed and the time left") {
  CHECK(import_line({"write", {20 * megabyte}, {100 * megabyte}}, {8}) ==
        "write [####................]: 20.0 of 100.0 MB, 2.50 MB/s, 32 s left");
  CHECK(import_line({"import", {0}, {100 * megabyte}}, {8}) == "import [....................]: 0.0 of 100.0 MB, 0.00 MB/s, 0 s left");
  CHECK(import_line({"import", {100 * megabyte}, {100 * megabyte}, 4000, 16 * megabyte}, {8}) ==
        "import [####################]: 100.0 of 100.0 MB, 12.50 MB/s, 500 documents/s, 2.00 Mtokens/s, 0 s left");
}

TEST_CASE("a length that is not known gives neither a bar nor the time left") {
  CHECK(import_line({"import", {20 * megabyte}, {0}, 800, 4 * megabyte}, {8}) ==
        "import: 20.0 MB, 2.50 MB/s, 100 documents/s, 0.50 Mtokens/s");
}

TEST_CASE("a terminal hears of it every half second, of each phase by its own clock") {
  CHECK(printed(StatusLine::Style::terminal, {{"train tokenizer", 0}, {"train tokenizer", 499}}).empty());
  CHECK(printed(StatusLine::Style::terminal,
                {{"train tokenizer", 0}, {"train tokenizer", 500}, {"train tokenizer", 900}, {"import", 1000}, {"import", 2000}}) ==
        "train tokenizer [....................]: 2.0 of 100.0 MB, 4.00 MB/s, 24 s left\r\033[Kimport [#...................]: 5.0 of 100.0 "
        "MB, 5.00 MB/s, 19 s left\n");
}

TEST_CASE("elsewhere every ten seconds") {
  CHECK(printed(StatusLine::Style::plain, {{"import", 0}, {"import", 9'999}, {"import", 10'000}, {"import", 19'999}}) ==
        "import [....................]: 3.0 of 100.0 MB, 0.30 MB/s, 323 s left\n");
}
