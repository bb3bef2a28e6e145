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

    def test_context_ranks_train_the_same_model(self):
        self.train(mesh="dp=1 tp=1", folder="one", mpi=False)
        reference = self.curve("one")
        cases = {
            "ring": ("dp=2 cp=2", ()),
            "ulysses": ("cp=4", ("mesh.attention=ulysses", "mesh.layout=contiguous")),
            "gather": ("cp=2 tp=2", ("mesh.attention=gather_kv", "mesh.layout=striped")),
            "hybrid": ("cp=4", ("mesh.attention=hybrid", "mesh.ulysses=2")),
        }
        for folder, (mesh, keys) in cases.items():
            with self.subTest(mesh=mesh, keys=keys):
                self.train(*keys, mesh=mesh, folder=folder)
                self.assert_close(self.curve(folder), reference, 1e-10)
                self.assertAlmostEqual(self.result(folder)["validation_loss"], self.result("one")["validation_loss"], delta=1e-10)
                (audit,) = [event for event in self.lines("events.jsonl", folder) if event["event"] == "audit"]
                self.assertTrue(audit["equals_prediction"])
        rows = self.report("ring")["runs"][0]
        self.assertEqual(rows["mesh"], "dp=2 cp=2")

    def test_pipelines_sequence_parallelism_and_recompute_train_the_same_model(self):
        deep = ("model.layers=4", "train.steps=10")
        self.train(*deep, mesh="dp=1 tp=1", folder="one", mpi=False)
        reference = self.curve("one")
        for mesh, *keys in (
            ("pp=2 dp=2", 'mesh.schedule="1f1b"'),
            ("pp=2 tp=2", 'mesh.schedule="zero_bubble"', "mesh.sequence_parallel=true"),
            ("pp=4", 'mesh.schedule="gpipe"'),
            ("pp=2", 'mesh.schedule="interleaved"', "mesh.virtual_stages=2"),
            ("tp=4", "mesh.sequence_parallel=true"),
            ("tp=2", 'train.recompute="selective"'),
            ("tp=2", 'train.recompute="core"'),
            ("pp=2", 'train.recompute="full"'),
        ):
            with self.subTest(mesh=mesh, keys=keys):
                folder = mesh.replace(" ", "-") + "".join(keys).translate({ord(c): None for c in '.="'})
                self.train(*deep, *keys, mesh=mesh, folder=folder)
                self.assert_close(self.curve(folder), reference, 1e-10)
                self.assertAlmostEqual(self.result(folder)["validation_loss"], self.result("one")["validation_loss"], delta=1e-10)

    def test_a_pipeline_resumes_on_another_mesh(self):
        """Each stage writes its own tensors, under names that hold for every mesh."""
        keys = ("model.layers=4", "train.evaluate_every=0", 'optimizer.schedule="constant"')
        self.train(*keys, mesh="dp=1 tp=1", folder="one", mpi=False)
        for steps, mesh in ((7, "pp=4"), (14, "pp=2 tp=2"), (20, "dp=2 tp=1")):
            self.train(*keys, f"train.steps={steps}", mesh=mesh, folder="moved")
        self.assertEqual(len(self.curve("moved")), 20)
        self.assert_close(self.curve("moved"), self.curve("one"), 1e-10)

    def test_order_of_axes_changes_nothing(self):
        self.train(mesh="dp=2 tp=2", folder="inner")
        self.train('mesh.order="dp-cp-tp-pp"', mesh="dp=2 tp=2", folder="outer")
        self.assert_close(self.curve("outer"), self.curve("inner"), 1e-10)

    def test_bfloat16_trains_the_same_model_on_every_mesh(self):
        """Meshes round differently (partial sums over tp, order of sums over dp): after 20 steps the losses differ by what one bfloat16
        rounding (2^-9 relative) does to them, while masters in fp32 keep them from drifting apart."""
        half = "train.dtype=bfloat16"
        done = self.train(half, mesh="dp=1 tp=1", folder="one", mpi=False)
        self.assertIn("bfloat16 (", done.stderr)
        reference = self.curve("one")
        self.assertLess(reference[20], reference[1] - 0.5)
        self.train("train.dtype=float32", mesh="dp=1 tp=1", folder="single", mpi=False)
        self.assert_close(reference, self.curve("single"), 0.02)
        for mesh in ("dp=2 tp=1", "dp=1 tp=2", "dp=2 tp=2", "dp=1 tp=4"):
            with self.subTest(mesh=mesh):
                folder = mesh.replace(" ", "-")
                self.train(half, mesh=mesh, folder=folder)
                self.assert_close(self.curve(folder), reference, 0.02)


main()
