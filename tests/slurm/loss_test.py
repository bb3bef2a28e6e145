# SPDX-License-Identifier: Apache-2.0
"""What a job loses, and how it goes on: saves longer than Slurm waits, nodes that crash, links that are cut, jobs that come no step further; under srun and mpirun."""
import json
import os
import pathlib
import signal
import time
import unittest

from cluster import BINARY, SlurmCase, skip

KEYS = ("mesh.dp=2", "launch.nodes=2", "launch.ranks_per_node=1", "train.steps=400", "train.evaluate_every=0", "checkpoint.every=50", "checkpoint.asynchronous=false", "watchdog.step=6", "watchdog.start=60")
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "BOOT_FAIL", "PREEMPTED")


class LossCase(SlurmCase):
    whole = None  # the curve of a run that nothing happens to: two ranks sum alike on any network

    def reference(self):
        if LossCase.whole is None:
            self.train(*KEYS, mesh="dp=2 tp=1", folder="whole")
            LossCase.whole = self.curve("whole")
            self.assertEqual(len(LossCase.whole), 400)
        return LossCase.whole

    def failing_once(self, place, step, deed, *words, keys=()):
        """A job whose first start has a rank 1 that does a deed of fault_probe; later starts are as they should be."""
        text = self.script(*KEYS, *keys, *words)
        probe = f"{os.environ['ERGON_PROBE']} 1 {place} {step} {deed} run.toml run.folder=run {' '.join(KEYS)}"
        first = self.folder / "first.sh"
        first.write_text(f'#!/bin/sh\n[ "${{SLURM_RESTART_COUNT:-0}}" -gt 0 ] || exec {probe}\nexec "$@"\n')
        first.chmod(0o755)
        return self.submit(self.with_ranks(text, "./first.sh $TRUE"))

    def preempt(self, nodes=4):
        self.command("srun", "-p", "high", "--exclusive", "--mpi=none", f"-N{nodes}", f"-n{nodes}", "true")

    def crash(self, node):
        """A power cut of a node, its network with it: all of its processes but the one that stands for it."""
        holder = int((self.cluster.folder / f"hosts/{node}.pid").read_text())
        self.cluster.hosts("cut", node)
        self.addCleanup(self.boot, node)
        of_node = os.readlink(f"/proc/{holder}/ns/net")
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "ns/net") == of_node and int(process.name) != holder:
                    os.kill(int(process.name), 9)
            except OSError:
                pass

    def boot(self, node):
        self.cluster.hosts("mend", node)
        self.cluster.hosts("exec", node, "slurmd", "-f", self.cluster.environment["SLURM_CONF"], "-N", node)
        self.command("scontrol", "update", f"nodename={node}", "state=resume", check=False)

    def nodes_of(self, number):
        nodes = self.command("squeue", "-h", "-j", number, "-o", "%N").stdout.strip()
        return self.command("scontrol", "show", "hostnames", nodes).stdout.split()

    def assert_lost(self, from_step):
        """The newest attempt went on from the last periodic checkpoint, what was done behind it is booked as lost, and the losses are as they should be."""
        self.assertEqual(self.attempts()[-1]["from_step"], from_step, self.story())
        run = self.report("run")["runs"][0]
        self.assertGreater(int(run["flops"]["exact"]["lost"]), 0)
        self.assert_close(self.curve(), self.reference(), 1e-10)

    def go_on(self, *words):
        number = self.launch(*KEYS, *words)
        self.wait_state(number, *ENDED)
        self.assertEqual((self.job(number)["JobState"], self.result()["code"]), ("COMPLETED", 0), self.story())


class Preempted(LossCase):
    """KillWait is 5 s, and there is no grace."""

    def preempted_in_a_save(self, *words):
        number = self.failing_once("save", 100, "hang", *words)
        self.wait_step(100)
        self.preempt()
        self.wait_state(number, *ENDED, seconds=250)
        self.assertEqual((self.job(number)["JobState"], self.job(number)["Restarts"]), ("COMPLETED", "1"), self.story())
        self.assert_lost(50)

    def test_a_save_longer_than_killwait(self):
        self.preempted_in_a_save()

    def test_a_save_longer_than_killwait_by_mpirun(self):
        # Whose daemons on other nodes die at once, and the ranks with them.
        self.preempted_in_a_save("--mpirun")

    def test_the_end_of_its_time_in_a_save(self):
        number = self.failing_once("save", 100, "hang", keys=("launch.time=1 min", "launch.warning=5 s"))
        self.wait_state(number, *ENDED, seconds=250)
        self.assertEqual((self.job(number)["JobState"], self.in_queue()), ("TIMEOUT", {}), self.story())
        self.assertFalse((self.folder / "run/result.json").exists())
        self.go_on()
        self.assert_lost(50)

    def test_slurm_tells_of_the_end_of_its_time(self):
        # Slurm looks every 30 s, and sends what would be due before the next time: here 20 to 50 s before the end. The run itself, once it has saved, would do so some 10 s before it.
        number = self.launch(*KEYS, "train.steps=100000", "checkpoint.every=20", "launch.time=1 min", "launch.warning=20 s")
        self.wait_for(lambda: self.job(number)["Restarts"] == "1", 90)
        ends = [event for event in self.lines("events.jsonl") if event["event"] == "end"]
        self.assertEqual(ends[0]["code"], 85)
        self.assertIn("on a signal", ends[0]["reason"], self.story())
        self.assertIn("signal: the ranks are asked to save and end", self.output())
        self.command("scancel", number)


class Graceful(LossCase):
    """Slurm gives a preempted job 20 s to end by itself."""
    options = {"grace": 20}

    def test_a_save_within_the_grace(self):
        # It takes longer than KillWait. Slurm tells the ranks alone, and takes a job that ends in its grace for done: the script requeues it.
        number = self.failing_once("save", 100, "slow")
        self.wait_step(100)
        self.preempt()
        self.wait_state(number, *ENDED, seconds=250)
        self.assertEqual((self.job(number)["JobState"], self.job(number)["Restarts"]), ("COMPLETED", "1"), self.story())
        self.assertGreaterEqual(self.attempts()[-1]["from_step"], 100, self.story())
        self.assertEqual(int(self.report("run")["runs"][0]["flops"]["exact"]["lost"]), 0)
        self.assert_close(self.curve(), self.reference(), 1e-10)


class Broken(LossCase):
    """Slurm takes a node for down after 15 s."""
    options = {"extra": "SlurmdTimeout=15"}

    def setUp(self):
        super().setUp()
        if not self.cluster.apart:
            skip("nodes that share a host cannot be cut off")

    def broken(self, deed, which, *words):
        """What became of the job: its state once it has ended, or was started again and has gone on from its last save."""
        self.reference()
        number = self.launch(*KEYS, *words)
        with self.standing_at(60):
            deed(self.nodes_of(number)[which])
        self.wait_state(number, *ENDED, seconds=300)
        said = self.story()
        if self.job(number)["JobState"] != "COMPLETED":  # it ended before Slurm had seen what happened
            self.assertNotIn(self.job(number)["ExitCode"], ("0:0", "85:0"), said)
            self.assertEqual(self.in_queue(), {}, said)
            self.go_on(*words)
        else:
            self.assertEqual(self.job(number)["Restarts"], "1", said)
        self.assertGreaterEqual(self.attempts()[1]["from_step"], 50, said)
        self.assertEqual(self.attempts()[1]["from_step"] % 50, 0, said)
        self.assert_lost(self.attempts()[1]["from_step"])
        return said

    def test_a_node_crashes(self):
        self.assertIn("rank 0: rank 1 is missing from", self.broken(self.crash, -1))

    def test_the_node_of_the_script_crashes(self):
        self.assertIn("rank 1: rank 0 is missing from", self.broken(self.crash, 0))

    def test_a_link_is_cut(self):
        said = self.broken(self.cut, -1)
        self.assertIn("rank 0: rank 1 is missing from", said)
        self.assertIn("rank 1 does not answer: dead, stopped, or cut off from the network", said)
        self.assertIn("code 5, a fresh result.json: no", said)
        verdict = json.loads(next((self.folder / "run/flight").glob("attempt_0001/verdict_*0.json")).read_text())
        self.assertEqual([rank["rank"] for rank in verdict["missing"]], [1])

    def test_a_node_crashes_under_mpirun(self):
        self.broken(self.crash, -1, "--mpirun")

    def test_a_cut_link_under_mpirun(self):
        # Its own daemons may notice first: what is said then is theirs.
        self.broken(self.cut, -1, "--mpirun")

    def cut(self, node):
        self.cluster.hosts("cut", node)
        self.addCleanup(self.mend, node)

    def mend(self, node):
        self.cluster.hosts("mend", node)
        self.wait_for(lambda: self.command("sinfo", "-h", "-p", "low", "-t", "idle", "-o", "%D").stdout.strip() == "4", 120)


class Restarted(LossCase):
    """A client gives slurmctld up after 2 s."""
    options = {"extra": "MessageTimeout=2"}

    def test_slurmctld_is_gone_when_the_ranks_are_to_start(self):
        text = self.script(*KEYS)
        number = self.submit(text.replace("\nbegin\n", "\n: >waits; while [ ! -e go ]; do sleep 0.1; done\nbegin\n", 1))
        self.wait_for((self.folder / "waits").exists)
        daemon = int((self.cluster.folder / "run/slurmctld.pid").read_text())
        os.kill(daemon, signal.SIGTERM)
        self.wait_for(lambda: not pathlib.Path(f"/proc/{daemon}").exists(), 60)
        (self.folder / "go").touch()
        self.addCleanup(self.command, "slurmctld", "-f", self.cluster.environment["SLURM_CONF"], check=False)
        self.wait_for(lambda: "before any rank began: once more in 10 s" in self.output())
        self.command("slurmctld", "-f", self.cluster.environment["SLURM_CONF"])
        self.wait_state(number, *ENDED)
        self.assertEqual((self.job(number)["JobState"], self.result()["code"], len(self.attempts())), ("COMPLETED", 0, 1), self.story())


class Storms(LossCase):
    """A site that requeues whatever ends with 85."""
    options = {"extra": "RequeueExit=85"}

    def come_no_step_further(self, *words):
        text = self.script(*KEYS, "launch.stalled=2", *words)
        number = self.submit(self.with_ranks(text, f"{os.environ['ERGON_PROBE']} 1 agreement 60 kill run.toml run.folder=run {' '.join(KEYS)}"))
        for start in (1, 2, 3):  # from steps 0, 50 and 50
            self.wait_state(number, "FAILED")
            self.assertEqual(len(self.attempts()), start, self.story())
            self.command("scontrol", "requeue", number)
            self.wait_for(lambda: self.job(number)["Restarts"] == str(start), 30)
        self.wait_state(number, "FAILED")
        self.assertEqual(self.job(number)["ExitCode"], "86:0", self.story())
        self.assertIn("the last 2 starts came no step further", self.output())
        self.assertEqual(len(self.attempts()), 3)
        self.go_on("launch.stalled=2", *words)  # the cause is mended, and what is submitted anew starts

    def test_starts_that_come_no_step_further(self):
        self.come_no_step_further()

    def test_starts_that_come_no_step_further_by_mpirun(self):
        self.come_no_step_further("--mpirun")

    def test_slurm_starts_it_too_often(self):
        # Whoever requeues it: the limit is of the job.
        number = self.launch(*KEYS, "launch.starts=2", "launch.stalled=0", "train.steps=100000")
        for start in (1, 2):
            self.wait_for(lambda: len(self.attempts()) == start, 60)
            self.command("scontrol", "requeue", number)
            self.wait_for(lambda: self.job(number)["Restarts"] == str(start), 30)
        self.wait_state(number, "FAILED", seconds=60)
        self.assertEqual((self.job(number)["ExitCode"], len(self.attempts())), ("86:0", 2), self.story())

    def test_a_cancelled_job_is_not_requeued_by_its_code(self):
        number = self.launch(*KEYS, "train.steps=100000")
        self.wait_step(10)
        self.command("scancel", number)
        time.sleep(15)
        self.assertEqual((self.result()["code"], self.job(number)["JobState"], self.in_queue()), (85, "CANCELLED", {}), self.story())


if __name__ == "__main__":
    unittest.main(verbosity=2)
