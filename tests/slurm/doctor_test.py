# SPDX-License-Identifier: Apache-2.0
"""`ergon doctor` as a step of a job on four nodes, with and without PMIx."""
import json
import unittest

from cluster import BINARY, SlurmCase, skip

NODES = ("env", "SLURM_PMIX_FENCE=tree", "srun", "-N4", "-n4")  # by Slurm's default a rank dies in MPI_Init now and then


class Doctor(SlurmCase):
    def found(self, answer, part):
        return [finding for finding in answer["findings"] if finding["part"] == part]

    def test_four_nodes(self):
        answer = json.loads(self.command(*NODES, "--mpi=pmix", "env", "-u", "SLURM_PMIX_FENCE", BINARY, "doctor", "run.toml", "mesh.dp=4", "--json").stdout)
        self.assertTrue(answer["usable"])
        self.assertEqual(len(answer["ranks"]), 4)
        self.assertEqual(self.found(answer, "mesh")[0]["verdict"], "good")
        self.assertEqual(self.found(answer, "folder")[0]["verdict"], "good")
        if not self.cluster.apart:
            return
        self.assertIn("SLURM_PMIX_FENCE=tree", self.found(answer, "start")[0]["cure"])
        self.assertEqual([rank["host"] for rank in answer["ranks"]], ["node0", "node1", "node2", "node3"])
        self.assertEqual({rank["route"] for rank in answer["ranks"]}, {"eth0"})
        self.assertEqual([(pair["class"], pair["ranks"], pair["interface"]) for pair in answer["pairs"]],
                         [("different nodes", [0, 1], "eth0"), ("different nodes", [1, 2], "eth0"), ("different nodes", [2, 3], "eth0"), ("different nodes", [0, 3], "eth0")])
        self.assertTrue(all(pair["bytes_per_second"] > 0 for pair in answer["pairs"]))

    def test_an_interface_that_no_node_has(self):
        if not self.cluster.apart:
            skip("nodes share the network of this machine")
        done = self.command(*NODES, "--mpi=pmix", BINARY, "doctor", "run.toml", "mesh.dp=4", "launch.interface=nosuch0", "--quick", check=False)
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.assertNotIn("FENCE", done.stdout)
        self.assertRegex(done.stdout, r"broken  interface +no interface nosuch0; there are eth0, lo\n +-> set launch.interface")

    def test_a_folder_that_each_node_has_for_itself(self):
        if not self.cluster.apart:
            skip("nodes share /dev/shm of this machine")
        done = self.command(*NODES, "--mpi=pmix", BINARY, "doctor", "--run", "/dev/shm/run", "--quick", check=False)
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"broken  folder +ranks 1-3: in /dev/shm a file that rank 0 wrote is not there")

    def test_without_pmix(self):
        # With KillOnBadExit the tasks that are still starting are ended by a signal, and srun would show theirs.
        done = self.command(*NODES, "--mpi=none", "--kill-on-bad-exit=0", BINARY, "doctor", check=False)
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.assertEqual(done.stdout.count("MPI sees one rank, but Slurm started 4 tasks"), 1, done.stdout)
        self.assertIn("srun --mpi=pmix", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
