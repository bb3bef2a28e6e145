# SPDX-License-Identifier: Apache-2.0
"""A collective of the device that never ends, on the mock of NCCL (device_probe.cpp): the watchdog aborts the communicators and the process ends with 5, whether
or not the abort returns; every rank has left its record, and the same line resumes."""
import json
import os
import re
import subprocess
import time

from harness import ENVIRONMENT, Case, main

PROBE = os.environ["ERGON_PROBE"]
KEYS = ["train.steps=6", "train.batch=4", "train.evaluate_every=0", "checkpoint.every=2", "checkpoint.asynchronous=false", "watchdog.start=60", "watchdog.step=3", "watchdog.abort=6"]
MESSAGE = re.compile(r"ergon: error: rank \d: every rank has started (\w+) \d+ on ([\w-]+) \(ranks [\d, ]+\): \[[\d, ]+\] \w+, step (\d+) \((\w+)\), and it does not end, waited for")


# The numbers of the collectives: late enough for a checkpoint, early enough for the run, which has about 48 a rank and step, or 26 with dp=2.
class DeviceDeath(Case):
    def probe(self, rank, number, abort, mesh, folder="run"):
        start = time.monotonic()
        line = [PROBE, rank, number, abort, "run.toml", f"run.folder={folder}", *mesh, *KEYS]
        done = subprocess.run([str(word) for word in line], cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        return done.returncode, done.stderr, time.monotonic() - start

    def die(self, rank, number, abort, mesh, ranks, communicators):
        code, err, seconds = self.probe(rank, number, abort, mesh)
        self.assertEqual(code, 5, err)
        said = [match for match in map(MESSAGE.search, err.splitlines()) if match]
        self.assertTrue(said, err)
        self.assertTrue(all(match[2] in ("tp", "cp-dp") and match[4] in ("forward", "backward", "update") for match in said), err)
        self.assertGreater(int(said[0][3]), 2, err)
        self.assertLess(seconds, 30)
        # The first rank whose abort is over ends the process of all; one that hangs is left behind.
        aborted = re.findall(r"rank \d: (\d) communicators aborted, (.*)", err)
        self.assertLessEqual(set(aborted), {(str(communicators), "in time")} if abort == "ends" else {("0", "left behind")}, err)
        self.assertTrue(aborted or abort == "hangs", err)
        folder = self.folder / "run" / "flight" / "attempt_0001"
        for other in range(ranks):
            record = json.loads((folder / f"rank_{other:05}.json").read_text())
            self.assertTrue(record["verdict"]["message"])
            self.assertIn("waited_for", {operation["state"] for operation in record["operations"]})
        # The same line goes on and ends as a run that nothing happened to.
        self.assertEqual(self.probe(0, -1, "ends", mesh)[:2], (0, ""))
        self.assertEqual(self.probe(0, -1, "ends", mesh, "whole")[:2], (0, ""))
        self.assertGreater([event["from_step"] for event in self.lines("events.jsonl") if event["event"] == "attempt"][-1], 0)
        self.assert_close(self.curve("run"), self.curve("whole"), 1e-12)

    def test_a_collective_that_never_ends(self):
        self.die(1, 170, "ends", ["mesh.tp=2"], ranks=2, communicators=1)

    def test_an_abort_that_hangs(self):
        self.die(3, 100, "hangs", ["mesh.dp=2", "mesh.tp=2"], ranks=4, communicators=2)


main()
