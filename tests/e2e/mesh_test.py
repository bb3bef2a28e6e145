# SPDX-License-Identifier: Apache-2.0
"""Layout never changes the mathematics: the same steps in fp64 on every mesh, dropout on, through the real binary under mpirun."""
import json
import math
import re
import shutil

from harness import SOURCE, Case, main
from tensors import read_tensors

BETA1, CLIP = 0.9, 0.5


class Mesh(Case):
    def test_every_mesh_trains_the_same_model(self):
        """Losses of 8 steps (tests/trainer/meshes_test.cpp has 20 on the same meshes, without the program around them); and of the checkpoint of step 1 every
        gradient (it is all there is in the first moment), the norm and every parameter."""
        keys = ("model.layers=4", "train.steps=8", "train.evaluate_every=4", "checkpoint.every=1", "checkpoint.keep=30", f"optimizer.clip={CLIP}")
        self.train(*keys, folder="one", mpi=False)
        reference, first = self.curve("one"), self.first_step("one")
        self.assertEqual(len(reference), 8)
        self.assertLess(reference[8], reference[1] - 0.5)
        self.assertTrue(first["clipped"])
        meshes = [line.split("#")[0].strip() for line in (SOURCE / "tests/meshes.txt").read_text().splitlines()]
        for number, mesh in enumerate(filter(None, meshes)):
            with self.subTest(mesh=mesh):
                folder = f"mesh{number}"
                self.train_mesh(mesh, *keys, folder=folder)
                self.assert_close(self.curve(folder), reference, 1e-10)
                self.assertAlmostEqual(self.result(folder)["validation_loss"], self.result("one")["validation_loss"], delta=1e-10)
                self.assert_same_step(self.first_step(folder), first)
                (audit,) = [event for event in self.lines("events.jsonl", folder) if event["event"] == "audit"]
                self.assertTrue(audit["equals_prediction"])
                shutil.rmtree(self.folder / folder)
        self.assertGreaterEqual(number, 20)

    def train_mesh(self, mesh, *keys, folder):
        given = mesh.split()
        ranks = math.prod(int(key.split("=")[1]) for key in given if re.fullmatch(r"mesh\.(dp|pp|cp|tp)=\d+", key))
        return self.ergon("train", "run.toml", f"run.folder={folder}", *keys, *given, ranks=ranks)

    def first_step(self, folder):
        (event,) = [event for event in self.lines("events.jsonl", folder) if event["event"] == "step" and event["step"] == 1]
        (saved,) = (self.folder / folder / "checkpoints").glob("step_00000001.*")
        return {"norm": event["grad_norm"], "clipped": event["clipped"], "tensors": read_tensors(saved)}

    def assert_same_step(self, step, reference):
        self.assertAlmostEqual(step["norm"], reference["norm"], delta=1e-11)
        self.assertEqual(sorted(step["tensors"]), sorted(reference["tensors"]))
        of_gradient = (1 - BETA1) * CLIP / reference["norm"]  # what the first moment of step 1 is times
        for name, (shape, values) in reference["tensors"].items():
            self.assertEqual(step["tensors"][name][0], shape)
            worst = max(abs(a - b) for a, b in zip(step["tensors"][name][1], values))
            if name.startswith("first_moment/"):
                self.assertLessEqual(worst / of_gradient, 1e-12, "gradient of " + name)
                self.assertGreater(max(map(abs, values)), 0, name)
            else:
                self.assertLessEqual(worst, 1e-10, name)

    def test_documents_kept_apart_and_full_attention_train_the_same_model(self):
        """The corpus has a document a paragraph, so that samples hold several; a microbatch of two has two sets of them. FLOPs spent follow the data, on every mesh alike."""
        apart, full = "data.document_mask=true", "model.causal=false"
        modes = {"apart": (apart,), "full": (full, "model.vocabulary=258", "data.mask_fraction=0.3"), "both": (apart, full, "model.vocabulary=258")}
        meshes = ("mesh.cp=4 mesh.attention=hybrid mesh.ulysses=2", "mesh.dp=2 mesh.cp=2 mesh.zero=3 mesh.attention=gather_kv mesh.layout=striped train.microbatch=2",
                  "mesh.pp=2 mesh.cp=2 mesh.schedule=zero_bubble train.recompute=core", "mesh.cp=2 mesh.tp=2 mesh.attention=ulysses train.microbatch=2")
        losses = {}
        for mode, keys in modes.items():
            keys = ("model.layers=4", "train.steps=4", *keys)
            self.train(*keys, folder=mode, mpi=False)
            losses[mode] = self.curve(mode)
            spent = self.spent(mode)
            for number, mesh in enumerate(meshes if mode == "apart" else meshes[:2]):
                with self.subTest(mode=mode, mesh=mesh):
                    folder = f"{mode}{number}"
                    self.train_mesh(mesh, *keys, folder=folder)
                    self.assert_close(self.curve(folder), losses[mode], 1e-10)
                    (audit,) = [event for event in self.lines("events.jsonl", folder) if event["event"] == "audit"]
                    self.assertTrue(audit["equals_prediction"])
                    self.assertEqual(self.spent(folder), spent)
                    shutil.rmtree(self.folder / folder)
        self.assertEqual(len({losses[mode][1] for mode in modes}), len(modes))
        self.assertLess(int(self.spent("apart")), int(self.spent("full")))

    def spent(self, folder):
        """Model FLOPs of the run by the convention that counts visible pairs."""
        report = json.loads(self.ergon("report", folder, "--json").stdout)
        return report["runs"][0]["flops"]["exact"]["spent"]

    def test_a_pipeline_resumes_on_another_mesh(self):
        """Each stage writes its own tensors, under names that hold for every mesh."""
        keys = ("model.layers=4", "train.evaluate_every=0", 'optimizer.schedule="constant"')
        self.train(*keys, mesh="dp=1 tp=1", folder="one", mpi=False)
        for steps, mesh in ((7, "pp=4"), (14, "pp=2 tp=2"), (20, "dp=2 tp=1")):
            self.train(*keys, f"train.steps={steps}", mesh=mesh, folder="moved")
        self.assertEqual(len(self.curve("moved")), 20)
        self.assert_close(self.curve("moved"), self.curve("one"), 1e-10)

    def test_bfloat16_trains_the_same_model_on_every_mesh(self):
        """Meshes round differently (partial sums over tp, order of sums over dp and of keys over cp): after 20 steps the losses differ by what one bfloat16
        rounding (2^-9 relative) does to them, while masters in fp32 keep them from drifting apart."""
        half = "train.dtype=bfloat16"
        done = self.train(half, mesh="dp=1 tp=1", folder="one", mpi=False)
        self.assertIn("bfloat16 (", done.stderr)
        reference = self.curve("one")
        self.assertLess(reference[20], reference[1] - 0.5)
        self.train("train.dtype=float32", mesh="dp=1 tp=1", folder="single", mpi=False)
        self.assert_close(reference, self.curve("single"), 0.02)
        for mesh in ("dp=2 tp=1", "dp=1 tp=2", "dp=2 tp=2", "dp=1 tp=4", "pp=2", "cp=2"):
            with self.subTest(mesh=mesh):
                folder = mesh.replace(" ", "-")
                self.train(half, mesh=mesh, folder=folder)
                self.assert_close(self.curve(folder), reference, 0.02)


main()
