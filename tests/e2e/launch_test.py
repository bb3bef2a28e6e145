# SPDX-License-Identifier: Apache-2.0
"""`ergon launch` where mpirun is asked for hosts: the line that it makes of them starts the ranks."""
from harness import Case, main


class Launch(Case):
    def test_over_hosts(self):
        (self.folder / "hosts").write_text("localhost slots=2\n")
        done = self.ergon("launch", "run.toml", "mesh.dp=2", "train.steps=4", "train.evaluate_every=0", "--mpirun", "--hosts", "hosts")
        self.assertIn("--hostfile hosts --map-by ppr:2:node", done.stdout)
        self.assertEqual((self.result()["code"], self.result()["step"]), (0, 4))


main()
