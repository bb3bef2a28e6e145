# SPDX-License-Identifier: Apache-2.0
"""Runs as jobs of a real Slurm of four nodes: started, asked to save, requeued, cancelled, on fewer nodes."""
import time
import unittest

from cluster import BINARY, SlurmCase

MESH = ("mesh.dp=4", "launch.nodes=4", "launch.ranks_per_node=1", "train.steps=120", "train.evaluate_every=0", "checkpoint.every=20", "model.dropout=0.1")


class Job(SlurmCase):
    whole = None  # the curve of a job that nothing happens to

    def reference(self):
        if Job.whole is None:
            number = self.launch(*MESH, folder="whole")
            self.wait_state(number, "COMPLETED", "FAILED")
            self.assertEqual(self.result("whole")["code"], 0, self.story())
            self.assertEqual(self.job(number)["JobState"], "COMPLETED")
            Job.whole = self.curve("whole")
            self.assertEqual(len(Job.whole), 120)
        return Job.whole

    def test_saved_requeued_and_finished_with_the_same_bits(self):
        reference = self.reference()
        number = self.launch(*MESH)
        self.wait_step(30)
        self.command("scancel", "-b", "-s", "USR1", number)
        self.wait_state(number, "COMPLETED", "FAILED", seconds=90)
        self.assertEqual(self.job(number)["Restarts"], "1", self.story())
        self.assertEqual(self.result()["code"], 0)
        self.assertEqual(self.curve(), reference)  # bit for bit: the same mesh, binary and processor
        attempts = [event for event in self.lines("events.jsonl") if event["event"] == "attempt"]
        self.assertEqual(len(attempts), 2)
        self.assertGreaterEqual(attempts[1]["from_step"], 30)
        said = next((self.folder / "run/logs").glob("job_*.out")).read_text()
        self.assertIn("a fresh result.json: yes", said)
        self.assertIn("requeued", said)

    def cancelled(self, place):
        number = self.launch(*MESH, "train.steps=100000")
        if place != "before":
            self.wait_step(25)
        self.command("scancel", number)
        time.sleep(15)
        self.assertEqual(self.in_queue(), [], self.story())
        self.assertEqual(self.job(number)["JobState"], "CANCELLED")

    def test_a_cancelled_job_stays_cancelled(self):
        self.cancelled("running")

    def test_stop_leaves_no_job(self):
        number = self.launch(*MESH, "train.steps=100000")
        self.wait_step(25)
        self.command(BINARY, "stop", "run", "--wait", "30")
        self.wait_for(lambda: not self.in_queue(), 15)
        self.assertEqual(self.result()["code"], 86)
        self.assertEqual(self.job(number)["ExitCode"], "86:0")

    def test_on_fewer_nodes(self):
        self.command("scontrol", "update", "nodename=node3", "state=down", "reason=test")
        self.addCleanup(self.command, "scontrol", "update", "nodename=node3", "state=resume")
        number = self.launch(*MESH, "launch.min_nodes=2")
        self.wait_state(number, "COMPLETED", "FAILED")
        self.assertEqual(self.result()["code"], 0, self.story())
        self.assert_close(self.curve(), self.reference(), 1e-10)
        (attempt,) = [event for event in self.lines("events.jsonl") if event["event"] == "attempt"]
        self.assertEqual(attempt["ranks"], 2)  # three nodes, and 3 does not divide the batch of 8


if __name__ == "__main__":
    unittest.main(verbosity=2)
