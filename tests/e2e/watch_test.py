# SPDX-License-Identifier: Apache-2.0
"""`ergon watch` on a real terminal: a pty whose other side is python3-pyte. While a run's files grow the screen shows what they say; however it is left, the
terminal is as it was."""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import threading
import time
import unittest

import pyte

import harness

ENTER, LEAVE, HIDE, SHOW = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?25l", b"\x1b[?25h"
CONFIG = '[data]\ntrain = "t.h5"\n[train]\nsteps = 50\n'


class Terminal:
    """A program on a pty of its own, which is its controlling terminal."""

    def __init__(self, *arguments, columns=80, rows=24):
        self.person, self.program = pty.openpty()
        self.screen = pyte.Screen(columns, rows)
        self.stream, self.raw = pyte.ByteStream(self.screen), b""
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self.program)
        self.process = subprocess.Popen([harness.BINARY, *map(str, arguments)], stdin=self.program, stdout=self.program, stderr=self.program, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), env=dict(harness.ENVIRONMENT, TERM="xterm-256color", LC_ALL="C.UTF-8"))

    def resize(self, columns, rows):
        fcntl.ioctl(self.program, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def read(self, seconds):
        ready, _, _ = select.select([self.person], [], [], seconds)
        if ready:
            part = os.read(self.person, 65536)
            self.raw += part
            self.stream.feed(part)

    def settle(self):
        """Until nothing has come for a moment: a whole frame is there."""
        before = None
        while before != len(self.raw):
            before = len(self.raw)
            self.read(0.03)

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait_for(self, pattern, timeout=60):
        """Until the screen matches; what it then shows."""
        deadline = time.monotonic() + timeout
        while not re.search(pattern, self.text()):
            if time.monotonic() > deadline or (self.process.poll() is not None and not select.select([self.person], [], [], 0)[0]):
                raise AssertionError(f"no {pattern!r} (ended with {self.process.poll()}) on\n{self.text()}")
            self.read(0.1)
        return self.text()

    def ended(self, timeout=60):
        """The status with which it ends, after everything that it wrote has been read."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"still there:\n{self.text()}")
            self.read(0.05)
        while select.select([self.person], [], [], 0)[0]:
            self.read(0)
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.person)
        os.close(self.program)


class Run:
    """The folder of a run in which this process holds the lock and which a test fills."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ergon watch "))
        (self.folder / "config.toml").write_text(CONFIG)
        start = int(pathlib.Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        self.lock = {"host": os.uname().nodename, "boot": boot, "pid_namespace": os.readlink("/proc/self/ns/pid"), "pid": os.getpid(), "start": start, "job": ""}
        (self.folder / "lock.a0001").write_text(json.dumps(self.lock))
        self.event(event="attempt", attempt=1, from_step=0, mesh="dp=1", ranks=1)

    def event(self, **fields):
        with open(self.folder / "events.jsonl", "a") as file:
            file.write(json.dumps(fields) + "\n")

    def step(self, step):
        self.event(event="step", attempt=1, step=step, loss=10 / step, tokens=1000 * step, seconds=0.5, data_wait=0.05)

    def events(self, kind):
        return [event for event in map(json.loads, (self.folder / "events.jsonl").read_text().splitlines()) if event["event"] == kind]

    def end(self, code, reason):
        (self.folder / "result.json").write_text(json.dumps({"code": code, "reason": reason, "step": 50, "steps": 50, "attempt": 1}))
        (self.folder / "lock.a0001").unlink()


class Watch(unittest.TestCase):
    def setUp(self):
        self.run_folder = Run()
        self.addCleanup(shutil.rmtree, self.run_folder.folder, ignore_errors=True)

    def watch(self, *arguments, **size):
        terminal = Terminal("watch", self.run_folder.folder, "--every", "0.1", *arguments, **size)
        self.addCleanup(terminal.close)
        return terminal

    def assert_given_back(self, terminal):
        self.assertEqual(termios.tcgetattr(terminal.program), terminal.before)
        self.assertLess(terminal.raw.rfind(ENTER), terminal.raw.rfind(LEAVE))
        self.assertLess(terminal.raw.rfind(HIDE), terminal.raw.rfind(SHOW))

    def test_the_screen_follows_the_events_until_the_end_and_stays_until_q(self):
        run = self.run_folder
        terminal = self.watch()
        terminal.wait_for("running, attempt 1")
        self.assertNotEqual(termios.tcgetattr(terminal.program), terminal.before)

        def grow():
            for step in range(1, 51):
                run.step(step)
                if step % 10 == 0:
                    run.event(event="evaluation", attempt=1, step=step, loss=20 / step, sequences=4, seconds=1)
                    run.event(event="save", attempt=1, step=step, seconds=2.5, blocked=0.25)
                time.sleep(0.02)

        writer = threading.Thread(target=grow)
        writer.start()
        seen = set()
        while writer.is_alive():
            found = re.search(r"step (\d+)/50\n.*?loss ([\d.]+)", terminal.text())
            if found:  # whatever moment it was drawn at, step and loss belong together
                step = int(found.group(1))
                seen.add(step)
                self.assertEqual(found.group(2), f"{run.events('step')[step - 1]['loss']:.4f}" if step else found.group(2), terminal.text())
            terminal.settle()
        writer.join()
        self.assertGreater(len(seen), 3)
        terminal.wait_for("saves 5")  # the last line of all: a frame may have been drawn between two
        terminal.settle()
        text = terminal.text()
        last = run.events("step")[-20:]
        speed = sum(event["tokens"] for event in last) / sum(event["seconds"] for event in last)
        for part in (f"{speed / 1e3:.1f}k tokens/s", "data wait 10.0 %", "validation 0.4000 (step 50)", "saves 5", "newest: step 50 in 2.50 s, blocked 0.25 s",
                     "ranks 1 (dp=1): 1 running", "100.0 %", "\u2588", "q quit"):
            self.assertIn(part, text)

        run.end(0, "train.steps = 50 reached")
        terminal.wait_for(r"ended with code 0: train\.steps = 50 reached")
        self.assertIsNone(terminal.process.poll())
        os.write(terminal.person, b"q")
        self.assertEqual(terminal.ended(), 0)
        self.assert_given_back(terminal)

    def test_sizes_change_under_it(self):
        for step in range(1, 40):
            self.run_folder.step(step)
        terminal = self.watch()
        terminal.wait_for("step 39/50")
        for columns, rows in ((40, 10), (20, 5), (100, 40)):
            terminal.resize(columns, rows)
            terminal.screen.reset()
            text = terminal.wait_for(r"loss 0\.2564[^$]*q quit")
            self.assertEqual(text.rstrip().count("\n"), rows - 1)  # the help stands in the last row
            self.assertIn("running, attempt 1", text)
        os.write(terminal.person, b"\x03")
        self.assertEqual(terminal.ended(), 0)
        self.assert_given_back(terminal)

    def test_signals_leave_the_terminal_as_it_was(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            terminal = self.watch()
            terminal.wait_for("running, attempt 1")
            terminal.process.send_signal(number)
            self.assertEqual(terminal.ended(), 0 if number == signal.SIGINT else -number)
            self.assert_given_back(terminal)

    def test_an_error_is_said_on_the_terminal_that_was_given_back(self):
        terminal = self.watch()
        terminal.wait_for("running, attempt 1")
        with open(self.run_folder.folder / "events.jsonl", "a") as file:
            file.write("no event\n")
        self.assertEqual(terminal.ended(), 3)
        self.assert_given_back(terminal)
        self.assertIn(b"events.jsonl:2", terminal.raw[terminal.raw.rfind(LEAVE):])

    def test_with_exit_it_leaves_with_the_run_and_prints_how_it_ended(self):
        terminal = self.watch("--exit")
        terminal.wait_for("running, attempt 1")
        self.run_folder.end(87, "the budget was reached")
        self.assertEqual(terminal.ended(), 0)
        self.assert_given_back(terminal)
        self.assertIn(b"code 87: the budget was reached", terminal.raw[terminal.raw.rfind(LEAVE):])

    def test_without_a_terminal(self):
        done = subprocess.run([harness.BINARY, "watch", self.run_folder.folder], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("ergon status RUN", done.stderr)
        self.assertEqual(done.stdout, "")


class RealRun(harness.Case):
    """What the files of a real run come to: two ranks, killed behind a save, resumed, stopped."""

    def page(self):
        return self.ergon("watch", "run", "--once").stdout

    def test_the_ranks_are_seen_and_what_was_lost_is_spent(self):
        line = ["train", "run.toml", "mesh.dp=2", "train.steps=100000", "train.evaluate_every=8", "checkpoint.every=0"]
        first = self.start(*line, ranks=2)
        self.wait_for_step(first, 3)
        self.save_and_go_on(first)
        page = self.page()
        self.assertRegex(page, r"ranks 2 \(dp=2.*\): 2 running")
        self.assertRegex(page, r"\n    0 running .*GB +1 running .*GB")
        self.assertRegex(page, r"saves 1 +newest: step \d+ in ")
        first.kill()  # mpirun, and its ranks with it
        first.wait()
        second = self.start(*line, ranks=2)
        self.wait_for_event(second, "step", attempt=2)
        (self.folder / "run/stop").touch()
        self.finish(second, 86)
        page = self.page()
        self.assertGreater(int(self.report("run")["runs"][0]["flops"]["exact"]["lost"]), 0)
        intervals = [line for line in self.lines("ledger.jsonl") if line["kind"] == "interval"]
        spent = sum(int(interval[part]["model"].get("exact", 0)) for interval in intervals for part in ("training", "evaluation"))
        self.assertIn(f"{spent / 8.64e19:.3g} pfs-days", page)
        self.assertIn("ended with code 86", page)
        self.assertIn("1 restarts", page)


if __name__ == "__main__":
    harness.main()
