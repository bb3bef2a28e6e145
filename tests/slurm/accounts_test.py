# SPDX-License-Identifier: Apache-2.0
"""What a requeued job held and how long it waited: by Slurm's accounts where the machine has a database for them (mariadb), and by the run's own stamps."""
import json
import unittest

from cluster import BINARY, SlurmCase, skip

MESH = ("mesh.dp=2", "launch.nodes=2", "launch.ranks_per_node=1", "train.steps=300", "train.evaluate_every=0")


class Accounts(SlurmCase):
    options = {"nodes": 2, "accounts": True}

    def allocation(self, *words):
        return json.loads(self.command(BINARY, "report", "run", "--json", *words).stdout)["runs"][0]["allocation"]

    def check(self, allocation, source):
        self.assertEqual(allocation["restarts"], {"saved_on_signal": 1})
        self.assertEqual([attempt["source"] for attempt in allocation["attempts"]], [source] * 2)
        self.assertFalse(allocation["at_least"])
        parts = dict(allocation["device_seconds"])
        self.assertAlmostEqual(sum(parts.values()), 2 * parts["allocated"], delta=1e-6)
        self.assertAlmostEqual(parts["allocated"], 2 * sum(attempt["held_seconds"] for attempt in allocation["attempts"]), delta=1e-6)
        self.assertGreater(parts["unknown"], 0)  # the job's shell and srun, before the ranks
        self.assertGreaterEqual(allocation["queue_wait_seconds"], 0)
        self.assertTrue(all("queue_wait_seconds" in attempt for attempt in allocation["attempts"]), allocation)

    def test_a_requeued_job(self):
        number = self.launch(*MESH)
        self.ask_to_save(number, 30)
        self.wait_state(number, "COMPLETED", "FAILED", seconds=90)
        self.assertEqual(self.result()["code"], 0, self.story())
        self.check(self.allocation("--no-sacct"), "stamps")
        if not self.cluster.accounts:
            self.check(self.allocation(), "stamps")
            skip("no accounts by sacct: mariadbd is not installed (launch/setup.sh --slurm)")

        def records():
            words = ("sacct", "-n", "-P", "-X", "-D", "-j", number, "-o", "JobIDRaw,State,Submit,Start,End")
            return [line.split("|") for line in self.command(*words).stdout.splitlines()]
        self.wait_for(lambda: len(records()) == 2 and all(record[4] != "Unknown" for record in records()), 30)
        print(self.command("env", "SLURM_TIME_FORMAT=%s", "sacct", "-n", "-P", "-X", "-D", "-j", number, "-o", "JobIDRaw,State,Submit,Start,End").stdout, flush=True)
        self.check(self.allocation(), "sacct")
        stamps, accounts = self.allocation("--no-sacct"), self.allocation()
        for own, theirs in zip(stamps["attempts"], accounts["attempts"]):
            self.assertGreaterEqual(theirs["held_seconds"], own["held_seconds"] - 2)  # whole seconds, and the end of the job after the run's


if __name__ == "__main__":
    unittest.main(verbosity=2)
