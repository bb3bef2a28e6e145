# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: the real binary, a small token store, runs under mpirun, and their files.

Every test file is run by CTest as `python3 FILE`; ERGON_BINARY names the binary. Each test works in a folder of its own that it removes.
"""
import json
import math
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BINARY = os.environ["ERGON_BINARY"]
SOURCE = pathlib.Path(os.environ["ERGON_SOURCE"])
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_mpi_yield_when_idle="1", OMP_NUM_THREADS="1")

TINY = """
[run]
folder = "run"
[model]
layers = 2
width = 32
heads = 4
kv_heads = 2
ffn_width = 64
vocabulary = 257
sequence = 32
dropout = 0.1
norm = "rmsnorm"
positions = "rotary"
mlp = "swiglu"
biases = false
[data]
train = "tokens.h5"
[train]
steps = 20
batch = 8
microbatch = 1
dtype = "float64"
evaluate_every = 10
evaluate_batches = 2
[optimizer]
lr = 1e-2
minimum_lr = 1e-3
warmup = 4
[checkpoint]
every = 10
"""


def text(documents=60):
    """Lines with enough structure that a small model learns something from them."""
    return "\n\n".join(f"Document {n} counts: " + " ".join(str((n * k) % 97) for k in range(1, 60)) + "." for n in range(documents))


def command(arguments, ranks):
    line = [BINARY, *map(str, arguments)]
    return line if ranks is None else ["mpirun", "-n", str(ranks), "--oversubscribe", "--bind-to", "none", *line]


def signal_mask(pid, field):
    """A set of signals in /proc/PID/status, as a mask: SigIgn, those that are ignored, or SigCgt, those that have a handler."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{field}:\s*(\w+)$", status, re.M).group(1), 16)


def interrupt(pid):
    """A first INT, which takes its handler away, so that a second one ends the process; returns when it was heard."""
    os.kill(pid, signal.SIGINT)
    while signal_mask(pid, "SigCgt") >> signal.SIGINT - 1 & 1:
        time.sleep(0.001)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ergon e2e "))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        (self.folder / "corpus.txt").write_text(text())
        (self.folder / "run.toml").write_text(TINY)
        self.ergon("data", "import", "corpus.txt", "-o", "tokens.h5", "--documents", "blank-line", "--valid", "0.2")

    def ergon(self, *arguments, ranks=None, code=0, timeout=240):
        """Runs the binary to its end and checks its exit code."""
        done = subprocess.run(command(arguments, ranks), cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, code, f"{' '.join(map(str, arguments))}\n{done.stdout}\n{done.stderr}")
        return done

    def start(self, *arguments, ranks=None):
        process = subprocess.Popen(command(arguments, ranks), cwd=self.folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def finish(self, process, code, timeout=120):
        out, err = process.communicate(timeout=timeout)
        self.assertEqual(process.returncode, code, out + err)
        return err

    def train(self, *overrides, mesh="dp=1 tp=1", folder="run", mpi=True, **rest):
        sizes = dict(part.split("=") for part in mesh.split())
        ranks = math.prod(int(size) for axis, size in sizes.items() if axis in ("dp", "pp", "cp", "tp"))
        keys = [f"mesh.{axis}={size}" for axis, size in sizes.items()]
        return self.ergon("train", "run.toml", f"run.folder={folder}", *keys, *overrides, ranks=ranks if mpi else None, **rest)

    def lines(self, file, folder="run"):
        """Those that are whole: the file may be growing."""
        text = (self.folder / folder / file).read_text()
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def steps(self, folder="run"):
        """The loss of each step as written, in the order of the file."""
        return [(event["step"], event["loss"]) for event in self.lines("events.jsonl", folder) if event["event"] == "step"]

    def curve(self, folder="run"):
        """step -> loss of the surviving lineage."""
        curve = {}
        for event in self.lines("events.jsonl", folder):
            if event["event"] == "attempt":
                curve = {step: loss for step, loss in curve.items() if step <= event["from_step"]}
            if event["event"] == "step":
                curve[event["step"]] = event["loss"]
        return curve

    def result(self, folder="run"):
        return json.loads((self.folder / folder / "result.json").read_text())

    def report(self, *folders):
        return json.loads(self.ergon("report", *folders, "--json").stdout)

    def wait_for_step(self, process, step, folder="run", timeout=120):
        """Until a step line of at least `step` stands in events.jsonl; fails when the process ends first."""
        events = self.folder / folder / "events.jsonl"
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if process.poll() is not None:
                out, err = process.communicate()
                self.fail(f"ended with {process.returncode} before step {step}\n{out}\n{err}")
            if events.exists() and any(f'"event":"step"' in line and json.loads(line)["step"] >= step for line in events.read_text().splitlines(True) if line.endswith("\n")):
                return
            time.sleep(0.02)
        self.fail(f"no step {step} within {timeout} s")

    def wait_for_event(self, process, kind, attempt, folder="run", timeout=120):
        """Until that attempt has written an event of that kind; the event. Fails when the process ends first."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for event in self.lines("events.jsonl", folder):
                if event["event"] == kind and event["attempt"] == attempt:
                    return event
            if process.poll() is not None:
                self.fail(f"ended with {process.returncode} before an event '{kind}'\n" + "\n".join(process.communicate()))
            time.sleep(0.02)
        self.fail(f"no event '{kind}' within {timeout} s")

    def save_and_go_on(self, process, folder="run"):
        """Asks a run for its first save; returns when steps behind it are made, which are lost if it is killed then and saves by itself never."""
        (self.folder / folder / "save").touch()
        self.wait_for_event(process, "save", 1, folder)
        self.wait_for_step(process, self.steps(folder)[-1][0] + 5, folder)

    def resume_for(self, steps, *overrides, folder="run", **rest):
        """To so many steps behind the last that was made, whatever the run was to make; the number of that step."""
        last = self.steps(folder)[-1][0] + steps
        self.train(*overrides, f"train.steps={last}", "--allow-change", "train.steps", folder=folder, **rest)
        return last

    def assert_close(self, left, right, tolerance):
        self.assertEqual(sorted(left), sorted(right))
        worst = max(abs(left[step] - right[step]) for step in left)
        self.assertLessEqual(worst, tolerance)


def main():
    unittest.main(verbosity=1)
