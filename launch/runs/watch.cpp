// SPDX-License-Identifier: Apache-2.0
// `ergon watch`: a run on the whole screen, from the files of its folder.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/runs/run_names.hpp"
#include "launch/runs/terminal_screen.hpp"
#include "launch/runs/watch_layout.hpp"
#include "launch/runs/watch_reader.hpp"

namespace ergon {
namespace {

constexpr std::size_t bytes_between_frames = 4 << 20;  // of events, when there are many: a fraction of a second

bool is_over(const WatchView& view) {
  return view.share_read >= 1 && (view.status.state == RunStatus::State::ended || view.status.state == RunStatus::State::broken);
}

// The view, and in the last row what the keys do.
std::vector<std::string> frame(const WatchView& view, ScreenSize size, Glyphs glyphs) {
  std::vector<std::string> lines = lay_out(view, {size.columns, std::max(1, size.rows - 1)}, glyphs);
  if (size.rows < 2) return lines;
  lines.resize(static_cast<std::size_t>(size.rows) - 1);
  lines.push_back(clipped(is_over(view) ? "q quit   the run has ended" : "q quit   the run goes on without this", size.columns));
  return lines;
}

struct Watching {
  Seconds every{1};
  bool exit = false;  // leave when the run ends
  Glyphs glyphs = Glyphs::ascii;
};

// The signal that ended it; 0: a key did, or the end of the run.
int watch(WatchReader& reader, const Watching& how) {
  TerminalScreen screen(stdout, stdin);
  for (;;) {
    const WatchView& view = reader.read(bytes_between_frames);
    const Clock::time_point next = view.share_read < 1 ? Clock::now() : deadline_after(how.every);
    const auto show = [&] { screen.show(frame(view, {screen.columns(), screen.rows()}, how.glyphs)); };
    show();
    if (how.exit && is_over(view)) return 0;
    for (;;) {
      const TerminalScreen::Event event = screen.wait({std::max(0.0, since(Clock::now(), next).value)});
      if (event.kind == TerminalScreen::Event::Kind::signal) return event.value;
      if (event.kind == TerminalScreen::Event::Kind::key && (event.value == 'q' || event.value == 'Q')) return 0;
      if (event.kind == TerminalScreen::Event::Kind::resized) show();
      if (event.kind == TerminalScreen::Event::Kind::none && Clock::now() >= next) break;
    }
  }
}

void print_once(WatchReader& reader, Glyphs glyphs) {
  for (const std::string& text : lay_out(reader.read(), {}, glyphs)) std::cout << text.substr(0, text.find_last_not_of(' ') + 1) << '\n';
  std::cout << std::flush;
}

}  // namespace

int command_watch(int argc, char** argv) {
  std::string run;
  bool once = false;
  Watching how;
  CommandLine line(
      "ergon watch",
      "a run on the whole screen: loss, speed, time left, what is spent, its ranks, saves and log. It reads the run's files and "
      "changes nothing");
  line.positional(run, "RUN|JOB", "the folder of a run, or the number of its Slurm job");
  line.option(how.every.value, "--every", "SECONDS", "how often to look, 0.1 to 3600 (1)");
  line.flag(how.exit, "--exit", "leave with 0 when the run has ended, and print how; else it stays until q");
  line.flag(once, "--once", "print one screen of 80 x 24 and end, where there is no terminal");
  line.footer("Keys: q or Ctrl-C leave; the run goes on.\n\nExamples:\n  ergon watch runs/demo\n  ergon watch 4711 --every 10\n");
  if (!line.parse(argc, argv)) return 0;
  if (!(how.every.value >= 0.1 && how.every.value <= 3600))
    throw Error(fmt::format("{} seconds between two looks", how.every.value), "--every", "0.1 to 3600");
  if (!once && !(isatty(STDOUT_FILENO) && isatty(STDIN_FILENO)))
    throw Error("this needs a terminal, and standard input or output is none", "ergon watch",
                "`ergon status RUN` prints how a run stands, `ergon watch RUN --once` one screen");
  WatchReader reader(run_folder_of(run));
  how.glyphs = glyphs_of_environment();
  if (once) {
    print_once(reader, how.glyphs);
    return 0;
  }
  const int signal = watch(reader, how);
  if (signal == 0 && how.exit) std::cout << status_text(reader.read().status) << std::flush;
  if (signal == 0 || signal == SIGINT) return 0;
  std::signal(signal, SIG_DFL);
  return std::raise(signal);
}

}  // namespace ergon
