# SPDX-License-Identifier: Apache-2.0
"""After a run: its report, its checkpoints, text from it, and the speed of a step."""
import json
import os
import shutil
import signal
import subprocess
import time

from harness import ENVIRONMENT, Case, command, main


class AfterARun(Case):
    def test_report_and_what_follows(self):
        self.train("accounting.peak=a100", mesh="dp=2 tp=2")
        run = self.report("run")["runs"][0]
        for key in ("run", "attempts", "steps", "tokens", "parameters", "flops", "pfs_days", "seconds", "tokens_per_second", "mfu", "hfu", "mesh", "device"):
            self.assertIn(key, run)
        self.assertEqual(run["steps"], 20)
        self.assertEqual(run["tokens"], 20 * 8 * 32)
        self.assertEqual(run["flops"]["exact"]["lost"], "0")
        audit = [event for event in self.lines("events.jsonl") if event["event"] == "audit"]
        self.assertTrue(audit and audit[0]["equals_prediction"])
        self.assertIn("exact", self.ergon("report", "run").stdout)
        shutil.copytree(self.folder / "run", self.folder / "again")
        total = self.report("run", "again")["total"]
        self.assertEqual(total["tokens"], 2 * run["tokens"])

        self.ergon("checkpoint", "verify", "run")
        self.assertIn("20", self.ergon("checkpoint", "list", "run").stdout)
        first, second = (self.ergon("generate", "run", "--prompt", "Document 3", "--tokens", "40").stdout for _ in range(2))
        self.assertTrue(first.startswith("Document 3"))
        self.assertEqual(first, second)

    def test_places_without_a_rank_that_trains_are_idle(self):
        """Three ranks of five places: three does not divide the batch, so two train."""
        line = command(("train", "run.toml", "launch.min_nodes=1", "train.steps=6", "train.evaluate_every=0"), 3)
        done = subprocess.run(line, cwd=self.folder, env=dict(ENVIRONMENT, ERGON_PLACES="5"), capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 of 3 ranks train", done.stderr)
        (attempt,) = self.report("run")["runs"][0]["allocation"]["attempts"]
        self.assertEqual((attempt["places"], attempt["ranks"], attempt["end"]), (5, 2, "finished"))
        self.assertAlmostEqual(attempt["device_seconds"]["idle"], 3 / 5 * attempt["device_seconds"]["allocated"], delta=1e-6)
        self.assertIn("(5 places, 3 idle; by the run's own clock)", self.ergon("report", "run").stdout)

    def test_a_rank_that_keeps_the_others_waiting_is_named(self):
        """One of two ranks is stopped most of the time, until it is named: no clock decides."""
        run = self.start("train", "run.toml", "mesh.dp=2", "train.steps=100000", "train.evaluate_every=0", "checkpoint.every=40", ranks=2)
        self.wait_for_step(run, 2)
        rank_1 = next(pid for pid in self.ranks(run) if b"OMPI_COMM_WORLD_RANK=1\0" in open(f"/proc/{pid}/environ", "rb").read())
        deadline = time.monotonic() + 100
        while not (named := [event for event in self.lines("events.jsonl") if event["event"] == "straggler" and event["rank"] == 1]):
            self.assertLess(time.monotonic(), deadline)
            os.kill(rank_1, signal.SIGSTOP)
            time.sleep(0.1)
            os.kill(rank_1, signal.SIGCONT)
            time.sleep(0.005)
        run.send_signal(signal.SIGUSR1)
        said = self.finish(run, 85)
        self.assertIn(f"rank 1 on {os.uname().nodename} keeps the others waiting", said)
        ranks = self.report("run")["runs"][0]["ranks"]
        (one,) = [one for one in ranks["stragglers"] if one["rank"] == 1]
        self.assertEqual((one["host"], one["attempt"]), (os.uname().nodename, 1))
        self.assertGreaterEqual(one["ratio"], named[0]["ratio"])
        self.assertIn(f"STRAGGLER    rank 1 on {os.uname().nodename}", self.ergon("report", "run").stdout)

    def ranks(self, run):
        return [int(pid) for pid in subprocess.run(["pgrep", "-P", str(run.pid)], capture_output=True, text=True).stdout.split()]

    def test_bench_train(self):
        result = json.loads(self.ergon("bench", "train", "--json", "--steps", "2", "model.preset=tiny-gpt", "model.sequence=16", "train.batch=4", "train.microbatch=2").stdout)
        self.assertEqual(result["schema"], "ergon.bench.v1")
        case = result["cases"][0]
        self.assertGreater(case["value"], 0)
        self.assertEqual(len(case["each"]), 2)


main()
