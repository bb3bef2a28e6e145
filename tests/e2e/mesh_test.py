# SPDX-License-Identifier: Apache-2.0
"""Layout never changes the mathematics: the same 20 steps in fp64 on every mesh, dropout on, through the real binary under mpirun."""
from harness import Case, main


class Mesh(Case):
    def test_every_mesh_trains_the_same_model(self):
        self.train(mesh="dp=1 tp=1", folder="one", mpi=False)
        reference = self.curve("one")
        self.assertEqual(len(reference), 20)
        self.assertLess(reference[20], reference[1] - 0.5)
        for mesh in ("dp=2 tp=1", "dp=1 tp=2", "dp=2 tp=2", "dp=1 tp=4", "dp=4 tp=1", "dp=2 tp=4", "dp=4 tp=2"):
            with self.subTest(mesh=mesh):
                folder = mesh.replace(" ", "-")
                self.train(mesh=mesh, folder=folder)
                self.assert_close(self.curve(folder), reference, 1e-10)
                self.assertAlmostEqual(self.result(folder)["validation_loss"], self.result("one")["validation_loss"], delta=1e-10)

    def test_order_of_axes_changes_nothing(self):
        self.train(mesh="dp=2 tp=2", folder="inner")
        self.train('mesh.order="dp-cp-tp-pp"', mesh="dp=2 tp=2", folder="outer")
        self.assert_close(self.curve("outer"), self.curve("inner"), 1e-10)


main()
