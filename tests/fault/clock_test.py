# SPDX-License-Identifier: Apache-2.0
"""The machine's clock goes back, within a run and between two attempts: what is trained is the same to the bit, nobody waits for a time that is past, and no figure
of the report is negative. The clock is libfaketime's; what runs on, and measures durations, is the system's own."""
import pathlib
import signal
import subprocess
import time

from harness import BINARY, ENVIRONMENT, Case, main

LIBRARY = next(iter(sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
KEYS = ["optimizer.decay_steps=300", "train.evaluate_every=100", "checkpoint.every=50", "watchdog.step=60"]  # the curve is the same whatever the last step is


class ClockGoesBack(Case):
    def setUp(self):
        super().setUp()
        if LIBRARY is None:
            print("skipped: libfaketime is not installed")
            self.skipTest("no libfaketime")

    def set_clock(self, offset):
        (self.folder / "clock").write_text(offset + "\n")

    def start_with_clock(self, steps):
        environment = dict(ENVIRONMENT, LD_PRELOAD=str(LIBRARY), FAKETIME_TIMESTAMP_FILE=str(self.folder / "clock"), FAKETIME_NO_CACHE="1", FAKETIME_DONT_FAKE_MONOTONIC="1")
        shown = subprocess.run(["date", "+%s"], env=environment, capture_output=True, text=True, check=True).stdout
        self.assertGreater(int(shown) - time.time(), 86400)  # the clock is another one indeed
        process = subprocess.Popen([BINARY, "train", "run.toml", *KEYS, f"train.steps={steps}"], cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        self.addCleanup(self.end, process)
        return process

    def check_run(self, last):
        self.assertEqual((self.result()["code"], self.result()["step"]), (0, last))
        self.train(*KEYS, f"train.steps={last}", folder="whole", mpi=False)
        self.assertEqual(self.curve(), self.curve("whole"))
        self.ergon("checkpoint", "verify", "run")
        self.assertEqual(self.negative(self.report("run")), [])

    def negative(self, value, place=""):
        if isinstance(value, dict):
            return [found for key, part in value.items() for found in self.negative(part, f"{place}.{key}")]
        if isinstance(value, list):
            return [found for number, part in enumerate(value) for found in self.negative(part, f"{place}[{number}]")]
        return [(place, value)] if isinstance(value, (int, float)) and value < 0 else []

    def test_within_a_run(self):
        self.set_clock("+2d")
        run = self.start_with_clock(600)
        self.wait_for_step(run, 20)
        self.set_clock("-2d")
        self.finish(run, 0)
        self.check_run(600)

    def test_between_two_attempts_of_which_the_first_was_killed(self):
        self.set_clock("+2d")
        run = self.start_with_clock(100000)
        self.wait_for_step(run, 120)
        run.send_signal(signal.SIGKILL)
        run.communicate()
        self.check_run(self.resume_for(100, *KEYS, mpi=False))  # its files are of the day after tomorrow


if __name__ == "__main__":
    main()
