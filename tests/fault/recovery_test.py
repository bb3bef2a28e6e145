# SPDX-License-Identifier: Apache-2.0
"""Runs under mpirun that go back by themselves, that are stopped past their lease and wake up, and that are killed beside a save (fault_probe.cpp)."""
import json
import os
import pathlib
import random
import signal
import subprocess
import time

from harness import ENVIRONMENT, Case, main

PROBE = os.environ["ERGON_PROBE"]
KEYS = ["train.steps=16", "train.batch=16", "train.evaluate_every=0", "checkpoint.every=4", "watchdog.step=120", "watchdog.checkpoint=120"]
TIMES = int(os.environ.get("ERGON_TIMES", "1"))


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(pathlib.Path(folder).rglob("*")) if path.is_file()}


class RecoveryCase(Case):
    def line(self, rank, place, step, deed, folder, *keys):
        return ["mpirun", "-n", "2", "--oversubscribe", "--bind-to", "none", PROBE, rank, place, step, deed, "run.toml", f"run.folder={folder}", *KEYS, *keys]

    def probe(self, *arguments, code=0, **environment):
        done = subprocess.run([str(word) for word in self.line(*arguments)], cwd=self.folder, env=dict(ENVIRONMENT, **environment), capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        self.assertTrue(done.returncode != 0 if code is None else done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stderr

    def start_probe(self, *arguments, **environment):
        process = subprocess.Popen([str(word) for word in self.line(*arguments)], cwd=self.folder, env=dict(ENVIRONMENT, **environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        self.addCleanup(self.end, process)
        return process

    def pids(self):
        return [int((self.folder / f"pid.{rank}").read_text().split()[0]) for rank in range(2)]


class Return(RecoveryCase):
    def test_a_loss_of_one_rank_that_is_not_finite_takes_both_back_and_the_report_shows_what_was_lost(self):
        for number, mesh in enumerate(("mesh.dp=2", "mesh.tp=2", "mesh.pp=2")):
            run = f"run{number}"
            self.probe(1, "loss", 11, "nan_first", run, mesh, "recovery.returns=1")
            self.assertEqual((self.result(run)["code"], self.result(run)["step"]), (0, 16))
            self.assertEqual(sorted(self.curve(run)), list(range(1, 17)))
            back = [event for event in self.lines("events.jsonl", run) if event["event"] == "return"]
            self.assertEqual([(event["step"], event["to_step"], event["skipped_samples"]) for event in back], [(11, 8, [128, 176])])
            flops = self.report(run)["runs"][0]["flops"]["exact"]
            self.assertEqual(int(flops["lost"]) * 16, int(flops["kept"]) * 3, flops)
            self.assertRegex(self.ergon("report", run).stdout, r"lost")


class Lease(RecoveryCase):
    """The owner of a run is stopped past its lease, another takes the run, the owner wakes up: it ends with 3 and has changed nothing."""

    def test_an_owner_that_was_stopped_past_its_lease(self):
        lease = {"ERGON_PROBE_LEASE": "1"}
        for number in range(TIMES):
            run = f"run{number}"
            keys = [run, "mesh.dp=2", "train.steps=100000", "checkpoint.every=2"]
            owner = self.start_probe(0, "none", 0, "none", *keys, **lease)
            self.wait_for_step(owner, 12 + random.Random(number).randrange(8), run)
            pids = self.pids()
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            taker = self.start_probe(0, "none", 0, "none", *keys, **lease)
            self.wait_for_attempt(taker, 2, run)
            taker.send_signal(signal.SIGUSR1)
            self.finish(taker, 85)
            before = contents(self.folder / run)
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
            self.assertIn("attempt 1 no longer owns this run: attempt 2 has taken it", self.finish(owner, 3))
            self.assertEqual(contents(self.folder / run), before)

    def wait_for_attempt(self, process, attempt, run):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if any(event["event"] == "step" and event["attempt"] == attempt for event in map(json.loads, (self.folder / run / "events.jsonl").read_text().splitlines())):
                return
            time.sleep(0.05)
        self.fail(f"attempt {attempt} made no step: {process.poll()}")


class BesideASave(RecoveryCase):
    """Killed while a save is copied, written or waits for its commit: the same line resumes, and ends as a run that nothing happened to."""

    def test_a_process_killed_beside_a_save(self):
        self.ergon("train", "run.toml", "run.folder=whole", *KEYS, "mesh.dp=2", ranks=2)
        for number in range(TIMES):
            run = f"run{number}"
            self.probe(number % 2, "save", 4, "kill", run, "mesh.dp=2", code=None)
            left = [path.name for path in (self.folder / run / "checkpoints").iterdir()]
            self.assertTrue(any(".tmp" in name for name in left), left)
            self.ergon("train", "run.toml", f"run.folder={run}", *KEYS, "mesh.dp=2", *([] if any(name.endswith("0001") for name in left) else ["--restart"]), ranks=2)
            self.assertEqual(self.curve(run), self.curve("whole"))


if __name__ == "__main__":
    main()
