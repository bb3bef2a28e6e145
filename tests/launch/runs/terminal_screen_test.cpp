// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/terminal_screen.hpp"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using Kind = TerminalScreen::Event::Kind;

namespace {

// The two ends of a terminal of 40 x 10: a program's, and a person's.
struct Terminal {
  int person = -1;
  std::FILE *out = nullptr, *in = nullptr;

  explicit Terminal(const char* type = "xterm") {
    setenv("TERM", type, 1);
    for (const char* name : {"LINES", "COLUMNS"}) unsetenv(name);
    winsize size = {10, 40, 0, 0};
    int program = -1;
    REQUIRE(openpty(&person, &program, nullptr, nullptr, &size) == 0);
    fcntl(person, F_SETFL, O_NONBLOCK);
    out = fdopen(program, "w");
    in = fdopen(dup(program), "r");
  }
  ~Terminal() {
    std::fclose(out);
    std::fclose(in);
    if (person >= 0) ::close(person);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  termios modes() const {
    termios modes = {};
    tcgetattr(fileno(out), &modes);
    return modes;
  }
  // Everything that has been written so far.
  const std::string& shown() {
    char part[4096];
    for (ssize_t count; (count = ::read(person, part, sizeof part)) > 0;) shown_.append(part, static_cast<std::size_t>(count));
    return shown_;
  }
  void resize(unsigned short rows, unsigned short columns) const {
    winsize size = {rows, columns, 0, 0};
    ioctl(person, TIOCSWINSZ, &size);
    std::raise(SIGWINCH);  // it is not the terminal that this process was started from
  }

 private:
  std::string shown_;
};

bool equal(const termios& a, const termios& b) {
  return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag && a.c_cflag == b.c_cflag && a.c_lflag == b.c_lflag &&
         std::equal(std::begin(a.c_cc), std::end(a.c_cc), std::begin(b.c_cc));
}

const std::string enter = "\033[?1049h", leave = "\033[?1049l", show_cursor = "\033[?25h";

bool given_back(const std::string& shown) {
  const std::size_t left = shown.rfind(leave);
  return left != std::string::npos && shown.rfind(enter) < left && shown.rfind(show_cursor) > shown.rfind("\033[?25l");
}

}  // namespace

TEST_CASE("terminal_screen: the terminal is taken over, written on and given back as it was") {
  Terminal terminal;
  const termios before = terminal.modes();
  {
    TerminalScreen screen(terminal.out, terminal.in);
    CHECK(screen.columns() == 40);
    CHECK(screen.rows() == 10);
    CHECK((terminal.modes().c_lflag & (ICANON | ECHO)) == 0);
    std::string wide;
    while (wide.size() < 100) wide += "xy";  // one character would be sent once, and how often
    screen.show({"first", wide, "third"});
    const std::string shown = terminal.shown();
    CHECK(shown.find(enter) < shown.find("first"));
    CHECK(std::ranges::count(shown, 'x') == 20);  // cut off, not wrapped
    CHECK(shown.find("third") != std::string::npos);
    screen.show(std::vector<std::string>(30, "row"));
    CHECK(screen.wait({0}).kind == Kind::none);
  }
  CHECK(given_back(terminal.shown()));
  CHECK(equal(terminal.modes(), before));

  const auto failing = [&] {
    TerminalScreen screen(terminal.out, terminal.in);
    throw std::runtime_error("in the middle");
  };
  CHECK_THROWS(failing());
  CHECK(given_back(terminal.shown()));
  CHECK(equal(terminal.modes(), before));
}

TEST_CASE("terminal_screen: keys, sizes and signals are events") {
  Terminal terminal;
  const termios before = terminal.modes();
  {
    TerminalScreen screen(terminal.out, terminal.in);
    REQUIRE(::write(terminal.person, "q\033OA", 4) == 4);
    TerminalScreen::Event event = screen.wait({5});
    CHECK(event.kind == Kind::key);
    CHECK(event.value == 'q');
    CHECK(screen.wait({5}).kind == Kind::key);  // an arrow is one key
    CHECK(screen.wait({0}).kind == Kind::none);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
      std::raise(signal);
      event = screen.wait({5});
      CHECK(event.kind == Kind::signal);
      CHECK(event.value == signal);
    }
    terminal.resize(5, 20);
    CHECK(screen.wait({5}).kind == Kind::resized);
    CHECK(screen.columns() == 20);
    CHECK(screen.rows() == 5);
    screen.show({"small"});
  }
  CHECK(given_back(terminal.shown()));
  CHECK(equal(terminal.modes(), before));
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  CHECK(sigismember(&blocked, SIGINT) == 0);
}

TEST_CASE("terminal_screen: a terminal that is gone is a hangup") {
  Terminal terminal;
  TerminalScreen screen(terminal.out, terminal.in);
  ::close(std::exchange(terminal.person, -1));
  const TerminalScreen::Event event = screen.wait({5});
  CHECK(event.kind == Kind::signal);
  CHECK(event.value == SIGHUP);
}

TEST_CASE("terminal_screen: a terminal on which nothing can be placed is refused, and stays as it was") {
  for (const char* type : {"dumb", "no-such-terminal"}) {
    const Terminal terminal(type);
    const termios before = terminal.modes();
    const std::string why = test::refusal([&] { TerminalScreen(terminal.out, terminal.in); });
    CHECK(why.find("on a terminal of type '" + std::string(type) + "' nothing can be placed") != std::string::npos);
    CHECK(equal(terminal.modes(), before));
  }
}
