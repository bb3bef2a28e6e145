# SPDX-License-Identifier: Apache-2.0
"""Runs as jobs of a real Slurm of four nodes: started, asked to save, requeued, cancelled, on fewer nodes."""
import contextlib
import json
import os
import signal
import unittest

from cluster import BINARY, SlurmCase

MESH = ("mesh.dp=4", "launch.nodes=4", "launch.ranks_per_node=1", "train.steps=240", "train.evaluate_every=0", "checkpoint.every=50", "model.dropout=0.1")


def up_to(curve, end):
    """Where sums may have another order, training makes a difference in the last bits grow: the first steps show that the samples are the same."""
    return {step: loss for step, loss in curve.items() if step <= end}


class Job(SlurmCase):
    whole = None  # the curve of a job that nothing happens to

    def reference(self):
        if Job.whole is None:
            number = self.launch(*MESH, folder="whole")
            self.wait_state(number, "COMPLETED", "FAILED")
            self.assertEqual(self.result("whole")["code"], 0, self.story())
            self.assertEqual(self.job(number)["JobState"], "COMPLETED")
            Job.whole = self.curve("whole")
            self.assertEqual(len(Job.whole), 240)
        return Job.whole

    def test_saved_requeued_and_finished_with_the_same_bits(self):
        reference = self.reference()
        number = self.launch(*MESH)
        self.ask_to_save(number, 30)
        self.wait_state(number, "COMPLETED", "FAILED")
        self.assertEqual(self.job(number)["Restarts"], "1", self.story())
        self.assertEqual(self.result()["code"], 0)
        self.assertEqual(self.curve(), reference)  # bit for bit: the same mesh, binary and processor
        attempts = self.attempts()
        self.assertEqual(len(attempts), 2)
        self.assertGreaterEqual(attempts[1]["from_step"], 30)
        said = next((self.folder / "run/logs").glob("job_*.out")).read_text()
        self.assertIn("a fresh result.json: yes", said)
        self.assertIn("requeued", said)
        allocation = self.report("run")["runs"][0]["allocation"]  # this cluster keeps no accounts: the run's own stamps
        self.assertEqual(allocation["restarts"], {"saved_on_signal": 1})
        self.assertTrue(all(attempt["job"] == number and "queue_wait_seconds" in attempt for attempt in allocation["attempts"]), allocation)

    def test_ranks_under_mpirun_in_an_allocation(self):
        number = self.launch(*MESH, "--mpirun")
        self.wait_state(number, "COMPLETED", "FAILED")
        self.assertEqual((self.result()["code"], self.job(number)["JobState"]), (0, "COMPLETED"), self.story())
        self.assert_close(up_to(self.curve(), 20), up_to(self.reference(), 20), 1e-10)

    def test_preempted_saved_and_finished_with_the_same_bits(self):
        reference = self.reference()
        comebacks = ("requeue", "array")
        jobs = {comeback: self.launch(*MESH, f"launch.comeback={comeback}", "launch.starts=3", "launch.partition=low", folder=comeback) for comeback in comebacks}
        with contextlib.ExitStack() as standing:  # until Slurm wakes them up to end
            for comeback in comebacks:
                standing.enter_context(self.standing_at(30, comeback))
            self.command("srun", "-p", "high", "--exclusive", "--mpi=none", "-N4", "-n4", "true")
        for comeback in comebacks:
            with self.subTest(comeback=comeback):
                self.wait_for(lambda: (self.folder / comeback / "result.json").exists() and self.result(comeback)["code"] == 0)
                self.assertEqual(self.curve(comeback), reference)
                self.assertEqual(len(self.attempts(comeback)), 2, self.story())
        self.wait_state(jobs["requeue"], "COMPLETED", "FAILED")
        self.assertGreaterEqual(int(self.job(jobs["requeue"])["Restarts"]), 1)
        self.wait_for(lambda: not self.in_queue(), 15)

    def test_a_job_that_may_not_be_requeued_hands_over(self):
        reference = self.reference()
        comebacks = ("chain", "array")  # side by side: each waits for Slurm most of the time
        jobs = {comeback: self.launch(*MESH, f"launch.comeback={comeback}", "launch.starts=3", folder=comeback) for comeback in comebacks}
        for comeback, number in jobs.items():
            self.ask_to_save(number, 30, comeback)
        for comeback in comebacks:
            with self.subTest(comeback=comeback):
                self.wait_for(lambda: (self.folder / comeback / "result.json").exists() and self.result(comeback)["code"] == 0)
                self.assertEqual(self.curve(comeback), reference)
                self.assertEqual(len(self.attempts(comeback)), 2)
        self.wait_for(lambda: not self.in_queue(), 15)

    def test_two_jobs_on_one_folder(self):
        number = self.launch(*MESH, "train.steps=100000")
        self.wait_step(25)
        done = self.command(BINARY, "launch", "run.toml", "run.folder=run", *MESH, "--slurm", check=False)
        self.assertEqual(done.returncode, 3)
        self.assertIn(f"job {number} of this run is RUNNING", done.stderr)
        done = self.command(BINARY, "train", "run.toml", "run.folder=run", *MESH, "train.steps=100000", "mesh.dp=1", check=False)
        self.assertEqual(done.returncode, 3, done.stderr)  # the lock, where no launcher looked
        self.command(BINARY, "stop", "run", "--wait", "30")

    def test_a_killed_rank_ends_the_job_unsaved(self):
        number = self.launch(*MESH, "train.steps=100000")
        self.wait_step(45)
        os.kill(self.ranks()[-1], signal.SIGKILL)
        self.wait_state(number, "COMPLETED", "FAILED", "CANCELLED")
        self.assertEqual((self.job(number)["JobState"], self.job(number)["ExitCode"]), ("FAILED", "137:0"), self.story())
        self.assertEqual(self.in_queue(), {}, self.story())
        self.assertFalse((self.folder / "run/result.json").exists(), self.story())
        self.assertIn("broken", self.command(BINARY, "status", "run").stdout)

    def test_a_rank_killed_before_the_ranks_have_met_ends_the_job(self):
        """srun leaves the living alone, and MPI would wait for the dead one until the job's time is over."""
        text = self.with_ranks(self.script(*MESH, 'launch.environment=["ERGON_START_LIMIT=6 s"]'), """sh -c '[ "$SLURM_PROCID" != 2 ] || kill -KILL $$; exec "$@"' sh $TRUE""")
        number = self.submit(text)
        self.wait_state(number, "COMPLETED", "FAILED", "CANCELLED", seconds=60)
        self.assertEqual((self.job(number)["JobState"], self.job(number)["ExitCode"]), ("FAILED", "137:0"), self.story())
        for rank in (0, 1, 3):
            said = (self.folder / f"run/logs/job_{number}.0/rank_{rank}.log").read_text()
            self.assertIn(f"ergon: error: rank {rank} of 4 has waited 6 s for the others to begin", said)

    def test_stop_leaves_no_job(self):
        number = self.launch(*MESH, "train.steps=100000")
        self.wait_step(25)
        self.command(BINARY, "stop", "run", "--wait", "30")
        self.wait_for(lambda: not self.in_queue(), 15)
        self.assertEqual(self.result()["code"], 86)
        self.assertEqual(self.job(number)["ExitCode"], "86:0")

    def test_a_stop_that_no_rank_reads_leaves_no_job(self):
        keys = (*MESH, "train.steps=100000", "mesh.dp=2", "launch.nodes=1", "launch.ranks_per_node=2")
        text = self.script(*keys, folder="ended").replace("\nafter=$(outcome)\n", "\nsleep 10\nafter=$(outcome)\n", 1)
        jobs = {"ended": self.submit(text, "ended"), "requeued": self.launch(*keys, folder="requeued")}
        for folder, number in jobs.items():
            self.wait_step(25, folder)
            self.command("scancel", "-b", "-s", "USR1", number)
        self.wait_for(lambda: (self.folder / "ended/result.json").exists())  # the ranks have saved, and the script is about to bring them back
        self.command(BINARY, "stop", "ended", "--wait", "60")
        self.wait_state(jobs["ended"], "FAILED", seconds=15)
        self.assertEqual((self.job(jobs["ended"])["ExitCode"], self.result("ended")["code"]), ("86:0", 85), self.story())
        self.wait_for(lambda: "] requeued" in self.output("requeued"))
        self.command(BINARY, "stop", "requeued", "--wait", "60")  # on its way out, in the queue, or begun again
        self.wait_for(lambda: not self.in_queue(), 15)
        for folder in jobs:
            self.assertFalse((self.folder / folder / "stop").exists(), self.story())

    def test_a_storm_ends(self):
        number = self.launch(*MESH, "train.steps=100000", "launch.starts=2")
        self.wait_step(1)
        self.command("scancel", "-b", "-s", "USR1", number)
        self.wait_for(lambda: len(self.attempts()) == 2)
        self.command("scancel", "-b", "-s", "USR1", number)
        self.wait_state(number, "FAILED")
        self.assertEqual(self.job(number)["ExitCode"], "86:0")
        self.assertIn("started 2 times: not again", self.output())
        self.assertEqual(self.result()["code"], 85)  # saved all the same

    def test_names_reach_slurm_as_they_are(self):
        folder, comment = "it's a $(touch hit) `run`", "a 'b' \"c\" $(touch hit)"
        number = self.launch(*MESH, f'launch.options={json.dumps(["--comment=" + comment, "--hold"])}', folder=folder)
        shown = self.command("scontrol", "-o", "show", "job", number).stdout
        self.assertIn(f"JobName=ergon-{folder} ", shown)
        self.assertIn(f"Comment={comment} ", shown)
        self.assertIn(f"StdOut={self.folder / folder}/logs/job_{number}.out", shown)
        self.assertFalse((self.folder / "hit").exists())
        (self.folder / folder / "launch/job").write_text("1\n")  # what was noted is not what is named
        self.assertIn(f"job {number} was waiting", self.command(BINARY, "stop", number).stdout)
        self.assertEqual(self.in_queue(), {})

    def test_on_fewer_nodes(self):
        reference = self.reference()
        number = self.launch(*MESH, "launch.min_nodes=3")
        with self.standing_at(60):
            for state in ("drain", "down"):  # drained, too, or it would be back with the next word of its slurmd
                self.command("scontrol", "update", "nodename=node3", f"state={state}", "reason=test")
        self.addCleanup(self.command, "scontrol", "update", "nodename=node3", "state=resume", check=False)
        self.wait_state(number, "COMPLETED", "FAILED")
        self.assertEqual(self.result()["code"], 0, self.story())
        attempts = self.attempts()
        self.assertEqual([attempt["ranks"] for attempt in attempts], [4, 2], self.story())  # three nodes, and 3 does not divide the batch of 8
        begin, curve = attempts[1]["from_step"], self.curve()
        self.assertGreaterEqual(begin, 60)
        self.assertEqual(sorted(curve), sorted(reference))
        self.assertEqual(up_to(curve, begin), up_to(reference, begin))
        self.assert_close(up_to(curve, begin + 20), up_to(reference, begin + 20), 1e-10)
        held = self.report("run")["runs"][0]["allocation"]["attempts"]
        self.assertEqual([(one["places"], one["ranks"]) for one in held], [(4, 4), (3, 2)])
        self.assertAlmostEqual(held[1]["device_seconds"]["idle"], held[1]["held_seconds"], delta=1e-6)


if __name__ == "__main__":
    unittest.main(verbosity=2)
