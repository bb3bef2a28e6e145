// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/terminal_screen.hpp"

#define NCURSES_NOMACROS
#include <curses.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>

#include "configs/error.hpp"
#include "launch/runs/screen_text.hpp"

namespace ergon {
namespace {

// Blocked, and read from a descriptor: there is no handler in which the terminal could not be given back, and no moment at which a signal
// could slip between looking and waiting. WINCH, which ncurses handles, comes through while one waits.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t ours;
    sigemptyset(&ours);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&ours, signal);
    descriptor_ = ::signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
    sigaddset(&ours, SIGWINCH);
    pthread_sigmask(SIG_BLOCK, &ours, &before_);
    pthread_sigmask(SIG_SETMASK, nullptr, &waiting_);
    sigdelset(&waiting_, SIGWINCH);
    ERGON_CHECK(descriptor_ >= 0, "signalfd failed");
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() {
    ::close(descriptor_);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  int descriptor() const { return descriptor_; }
  const sigset_t& while_waiting() const { return waiting_; }
  // 0: none.
  int take() const {
    signalfd_siginfo info;
    return ::read(descriptor_, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  sigset_t before_, waiting_;
  int descriptor_ = -1;
};

}  // namespace

struct TerminalScreen::State {
  BlockedSignals signals;
  int in;
  SCREEN* screen = nullptr;
};

TerminalScreen::TerminalScreen(std::FILE* out, std::FILE* in) : state_(new State{{}, fileno(in)}) {
  state_->screen = ::newterm(nullptr, out, in);
  const char* placing = state_->screen == nullptr ? nullptr : ::tigetstr("cup");
  if (placing == nullptr || placing == reinterpret_cast<const char*>(-1)) {
    if (state_->screen != nullptr) {
      ::endwin();
      ::delscreen(state_->screen);
    }
    const char* terminal = std::getenv("TERM");
    throw Error(fmt::format("on a terminal of type '{}' nothing can be placed", terminal == nullptr ? "" : terminal), "TERM",
                "set TERM to what the terminal is, for example xterm");
  }
  ::cbreak();
  ::noecho();
  ::nodelay(stdscr, TRUE);
  ::keypad(stdscr, TRUE);
  ::curs_set(0);
}

TerminalScreen::~TerminalScreen() {
  ::endwin();
  ::delscreen(state_->screen);
}

int TerminalScreen::columns() const { return ::getmaxx(stdscr); }
int TerminalScreen::rows() const { return ::getmaxy(stdscr); }

void TerminalScreen::show(const std::vector<std::string>& lines) {
  ::werase(stdscr);
  const int last = std::min(rows(), static_cast<int>(lines.size()));
  for (int row = 0; row < last; ++row) {
    if (row == 0) ::wattr_on(stdscr, A_BOLD, nullptr);
    // What is too long would go on in the next row.
    ::mvwaddnstr(stdscr, row, 0, clipped(lines[static_cast<std::size_t>(row)], columns()).c_str(), -1);
    if (row == 0) ::wattr_off(stdscr, A_BOLD, nullptr);
  }
  ::wrefresh(stdscr);
}

TerminalScreen::Event TerminalScreen::wait(Seconds longest) {
  pollfd waiting[] = {{state_->in, POLLIN, 0}, {state_->signals.descriptor(), POLLIN, 0}};
  const double whole = std::floor(longest.value);
  const timespec limit = {static_cast<time_t>(whole), static_cast<long>((longest.value - whole) * 1e9)};
  ::ppoll(waiting, 2, &limit, &state_->signals.while_waiting());
  if (const int signal = state_->signals.take(); signal != 0) return {Event::Kind::signal, signal};
  const int key = ::wgetch(stdscr);
  if (key == KEY_RESIZE) return {Event::Kind::resized, 0};
  if (key != ERR) return {Event::Kind::key, key};
  if ((waiting[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) return {Event::Kind::signal, SIGHUP};
  return {};
}

}  // namespace ergon
