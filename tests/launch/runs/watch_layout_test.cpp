// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/watch_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <clocale>
#include <cmath>

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

bool shows(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string page(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

std::string shown(const WatchView& view, int columns, int rows) { return page(lay_out(view, {columns, rows}, Glyphs::ascii)); }

WatchView training() {
  WatchView view;
  view.status.folder = "runs/demo";
  view.status.state = RunStatus::State::running;
  view.status.attempt = 3;
  view.status.step = 412;
  view.status.steps = 1000;
  view.status.loss = 3.21451;
  view.status.tokens_per_second = 12345;
  view.status.data_wait = 0.013;
  view.status.remaining = Seconds{3792};
  view.status.owner = "host h1, pid 4711";
  view.status.job = "17";
  view.from_step = 200;
  view.mesh = "dp=2 tp=2";
  view.ranks = 4;
  view.spent = {1.234e-7};
  view.saves = 4;
  view.newest_save = {400, {2.125}, {0.03}};
  view.quiet = Seconds{2};
  for (int step = 1; step <= 412; ++step) view.losses.add(step, 3 + 7 * std::exp(-step / 50.0));
  view.validation.add(200, 3.25);
  view.validation.add(400, 3.5);
  view.ranks_visible = true;
  for (int rank = 0; rank < 4; ++rank) view.processes[rank] = {100 + rank, RankProcess::State::running, 0.98, {1'500'000'000}};
  view.log_name = "logs/job_17.0/rank_0.log";
  for (int line = 0; line < 40; ++line) view.log.push_back("log line " + std::to_string(line));
  view.notes = {"step 300: NOT saved: no space"};
  return view;
}

WatchView ended() {
  WatchView view = training();
  view.status.state = RunStatus::State::ended;
  view.status.code = 85;
  view.status.reason = "saved at step 412 on a signal";
  view.status.owner.clear();
  view.ranks_visible = false;
  view.processes.clear();
  return view;
}

WatchView crowded() {
  WatchView view = training();
  view.status.folder = std::string(300, 'd') + "\033[2Jend";
  view.ranks = 600;
  for (int rank = 0; rank < 512; ++rank)
    view.processes[rank].state = rank == 300 ? RankProcess::State::stopped : RankProcess::State::running;
  view.log = {std::string(1000, 'l'), "\033[31mred\033[0m", "\xff\xfe", "wide \xe6\xbc\xa2"};
  view.notes.assign(20, std::string(500, 'n'));
  view.losses.values[7] = std::nan("");
  return view;
}

}  // namespace

TEST_CASE("watch_layout: on a usual terminal everything is there") {
  const std::string text = shown(training(), 80, 23);
  for (const char* part : {"runs/demo ",
                           "running, attempt 3",
                           "41.2 %  step 412/1000",
                           "loss 3.2145",
                           "validation 3.5000 (step 400)",
                           "lowest 3.2500",
                           "12.3k tokens/s",
                           "ETA 01:03:12",
                           "data wait 1.3 %",
                           "1.23e-07 pfs-days",
                           "peak unknown",
                           "ranks 4 (dp=2 tp=2): 4 running",
                           "saves 4",
                           "newest: step 400 in 2.12 s, blocked 0.03 s",
                           "attempt 3 from step 200",
                           "2 restarts",
                           "job 17",
                           "last event 00:00:02 ago",
                           "rank 0: host h1, pid 4711",
                           "    2 running   98 %   1.50 GB",
                           "step 300: NOT saved: no space",
                           "--- logs/job_17.0/rank_0.log",
                           "log line 39"}) {
    INFO(part << "\n" << text);
    CHECK(shows(text, part));
  }
  // The curve falls: its first column is full, its last one has a mark in the lowest row only.
  const std::vector<std::string> lines = lay_out(training(), {80, 23}, Glyphs::ascii);
  const auto top =
      std::ranges::find_if(lines, [](const std::string& line) { return line.size() == 80 && line.substr(0, 10).find("9.5") < 10; });
  REQUIRE(top != lines.end());
  CHECK((*top)[11] == '|');
  CHECK(top->back() == ' ');
}

TEST_CASE("watch_layout: where there is little room, what matters most") {
  const std::vector<std::string> small = lay_out(training(), {20, 5}, Glyphs::ascii);
  REQUIRE(small.size() == 5);
  CHECK(small[0] == "running, attempt 3");
  CHECK(small[1] == "step 412/1000");
  CHECK(small[2] == "loss 3.2145");
  CHECK(small[3] == "12.3k tokens/s");
  CHECK(small[4] == "ranks 4 (dp=2 tp=2):");
  CHECK(lay_out(training(), {40, 1}, Glyphs::ascii) == std::vector<std::string>{"runs/demo" + std::string(13, ' ') + "running, attempt 3"});
  CHECK(lay_out(training(), {0, 5}, Glyphs::ascii).empty());
  CHECK(lay_out(training(), {5, 0}, Glyphs::ascii).empty());
  const std::vector<std::string> over = lay_out(ended(), {60, 3}, Glyphs::ascii);
  REQUIRE(over.size() == 3);
  CHECK(over[1] == "ended with code 85: saved at step 412 on a signal");
}

TEST_CASE("watch_layout: no line is wider than the screen, and there are no more than its rows") {
  std::setlocale(LC_CTYPE, "C.UTF-8");
  for (const WatchView& view : {WatchView{}, training(), ended(), crowded()})
    for (const Glyphs glyphs : {Glyphs::ascii, Glyphs::utf8})
      for (const int columns : {1, 2, 7, 20, 31, 33, 80, 211})
        for (const int rows : {1, 2, 3, 5, 9, 12, 24, 100}) {
          const std::vector<std::string> lines = lay_out(view, {columns, rows}, glyphs);
          CHECK(static_cast<int>(lines.size()) <= rows);
          CHECK_FALSE(lines.empty());
          for (const std::string& line : lines) {
            if (cells(line) > columns || line.find('\033') != std::string::npos) FAIL_CHECK(columns << " x " << rows << ": " << line);
          }
        }
  std::setlocale(LC_CTYPE, "C");
}

TEST_CASE("watch_layout: states are said as far as they are known") {
  CHECK(shows(shown({}, 80, 20), "ranks: no attempt has begun"));
  CHECK(shows(shown({}, 80, 20), "no loss yet"));
  CHECK(shows(shown({}, 80, 20), "no attempt yet"));
  WatchView view = training();
  view.share_read = 0.374;
  CHECK(shows(shown(view, 80, 20), "reading events.jsonl: 37 %"));
  view = training();
  view.processes.erase(3);
  view.processes[1].state = RankProcess::State::stopped;
  view.processes[2] = {9, RankProcess::State::gone, {}, {}};
  const std::string text = shown(view, 80, 30);
  CHECK(shows(text, "1 running, 1 stopped, 1 gone, 1 elsewhere, not looked at"));
  CHECK(text.find("1 stopped") < text.find("    0 running"));  // those first that do not run
  view.ranks = 12;
  view.started_here = 4;
  CHECK(shows(shown(view, 120, 30), "1 running, 1 stopped, 1 gone, 1 not found here, 8 elsewhere, not looked at"));
  view.started_here = 15;  // with three that stay idle
  CHECK(shows(shown(view, 120, 30), "1 gone, 9 not found here\n"));
  view.ranks_visible = false;
  view.processes.clear();
  view.quiet = Seconds{3};
  CHECK(shows(shown(view, 80, 30), fmt::format(": all met in step {}, 00:00:03 ago, on other machines", view.status.step)));
  view.from_step = view.status.step;
  CHECK(shows(shown(view, 80, 30), "on other machines, and no step of this attempt is done"));
  view = training();
  view.mfu = 0.412;
  view.failed_saves = 2;
  view.status.stalled_starts = 3;
  CHECK(shows(shown(view, 120, 30), "MFU 41.2 %"));
  CHECK(shows(shown(view, 120, 30), "2 FAILED"));
  CHECK(shows(shown(view, 120, 30), "3 starts in a row saved no step"));
  view = ended();
  CHECK(shows(shown(view, 80, 30), "ended with code 85: saved at step 412 on a signal"));
  CHECK_FALSE(shows(shown(view, 80, 30), "tokens/s"));
  view.status.state = RunStatus::State::broken;
  view.status.code.reset();
  view.status.reason = "it was killed";
  CHECK(shows(shown(view, 80, 30), "\nit was killed\n"));
}
