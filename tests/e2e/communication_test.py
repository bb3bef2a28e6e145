# SPDX-License-Identifier: Apache-2.0
"""What the ranks of real runs counted at their communicators equals, to the byte and the call, what accounting predicts from the configuration
alone (accounting/communication_volume): on every axis, strategy, schedule and ZeRO stage, over resumes, lost steps and evaluations."""
import json
import shutil

from harness import Case, main

SHORT = ("train.steps=3", "optimizer.warmup=1", "train.batch=8", "train.evaluate_every=2", "train.evaluate_batches=3", "checkpoint.every=2")
DEEP = ("model.layers=4",)
LEARNED = ('model.positions="learned"', 'model.norm="layernorm"', "model.biases=true", 'model.mlp="gelu"', "model.tied=true")
RUNS = {  # folder -> mesh, keys
    "dp": ("dp=4", ("mesh.bucket=1",)),
    "dp-tied-bf16": ("dp=2", (*LEARNED, "train.dtype=bfloat16")),
    "tp": ("tp=2 dp=2", LEARNED),
    "tp-replicas": ("tp=4", (*LEARNED, "train.recompute=full")),
    "sequence-parallel": ("tp=4", (*LEARNED, "mesh.sequence_parallel=true")),
    "sequence-parallel-full": ("tp=2 dp=2", ("mesh.sequence_parallel=true", "train.recompute=full", "train.microbatch=2", "mesh.zero=3")),
    "ring": ("cp=4", ("train.dtype=bfloat16",)),
    "ring-core": ("cp=2 tp=2", ("train.recompute=core", "mesh.layout=contiguous")),
    "ulysses": ("cp=3", ("mesh.attention=ulysses", "mesh.layout=contiguous", "model.sequence=30", "train.recompute=full")),
    "gather": ("cp=2 dp=2", ("mesh.attention=gather_kv", "mesh.gather_heads=1", "train.recompute=core")),
    "hybrid": ("cp=4", ("mesh.attention=hybrid", "mesh.ulysses=2", "mesh.zero=1")),
    "1f1b": ("pp=2 dp=2", (*LEARNED, *DEEP, "mesh.zero=1")),
    "gpipe": ("pp=4", (*DEEP, "mesh.schedule=gpipe")),
    "interleaved": ("pp=2 dp=2", (*DEEP, *LEARNED, "mesh.schedule=interleaved", "mesh.virtual_stages=2", "train.recompute=full", "mesh.zero=3")),
    "zero-bubble": ("pp=2 tp=2", (*DEEP, "mesh.schedule=zero_bubble", "mesh.sequence_parallel=true", "train.recompute=selective", "run.deterministic=true")),
    "zero-1": ("dp=3", ("mesh.zero=1", "train.batch=12", "train.microbatch=2", "mesh.bucket=20000")),
    "zero-3": ("dp=2 cp=2", ("mesh.zero=3",)),
    "zero-3-tied": ("dp=2 tp=2", ("mesh.zero=3", *LEARNED)),
    "deterministic": ("dp=2 tp=2", ("run.deterministic=true",)),
    "deterministic-1": ("dp=4", ("run.deterministic=true", "mesh.zero=1", "model.width=64", "model.ffn_width=2048")),
    "deterministic-3": ("dp=2 cp=2", ("run.deterministic=true", "mesh.zero=3")),
    "zero-3-1f1b": ("pp=2 dp=2", (*DEEP, *LEARNED, "mesh.zero=3")),
    "zero-3-zero-bubble": ("pp=2 cp=2 tp=2", (*DEEP, "mesh.zero=3", "mesh.schedule=zero_bubble", "mesh.sequence_parallel=true", "model.tied=false")),
    "deterministic-interleaved": ("pp=2 dp=2", (*DEEP, *LEARNED, "run.deterministic=true", "mesh.schedule=interleaved", "mesh.virtual_stages=2", "mesh.bucket=20000")),
    "all": ("dp=2 pp=2 cp=2", (*DEEP, *LEARNED, "mesh.zero=3", "run.deterministic=true")),
}


class Communication(Case):
    def assert_as_predicted(self, run, groups=()):
        """Every row but those of `control` has a prediction, and equals it."""
        self.assertEqual(run["uncounted_steps"], 0)
        rows = [row for row in run["communication"] if row["group"] != "control"]
        for row in rows:
            self.assertIs(row["equals_prediction"], True, f"{run['run']}: {row}")
            self.assertEqual((row["predicted_calls"], row["predicted_bytes"]), (row["calls"], row["bytes"]))
            self.assertTrue(row["axes"], row)
            self.assertGreaterEqual(row["seconds"] + 1e-9, row["exposed"], row)
        self.assertTrue(set(groups) <= {row["group"] for row in rows}, rows)

    def test_counted_equals_predicted(self):
        for folder, (mesh, keys) in RUNS.items():
            self.train(*SHORT, *keys, mesh=mesh, folder=folder)
        for run in self.report(*RUNS)["runs"]:
            with self.subTest(run=run["run"]):
                self.assert_as_predicted(run)
                groups = {row["group"] for row in run["communication"]}
                for axis, group in (("tp", "tp"), ("pp", "pp"), ("dp", "cp-dp")):
                    self.assertEqual(f"{axis}=" in run["mesh"] or (axis == "dp" and "cp=" in run["mesh"]), group in groups)
        text = self.ergon("report", "all").stdout
        self.assertIn("exposed", text)
        self.assertIn("control has no prediction", text)
        self.assertNotIn("DIFFERS", text)

    def test_over_resumes_on_other_meshes_and_lost_steps(self):
        """What each attempt did is predicted on its own mesh; steps that a crash lost were counted, and predicted, up to the last line of the ledger."""
        keys = (*SHORT, 'optimizer.schedule="constant"')
        self.train(*keys, mesh="dp=2 tp=1")
        self.train(*keys, "train.steps=5", "mesh.zero=3", mesh="dp=2 cp=2")
        shutil.rmtree(next((self.folder / "run" / "checkpoints").glob("step_*5.a*")))  # step 5 was booked; its checkpoint is gone
        (self.folder / "run" / "result.json").unlink()
        self.train(*keys, "train.steps=6", "train.recompute=full", mesh="tp=2")
        run = self.report("run")["runs"][0]
        self.assertEqual((run["attempts"], run["steps"]), (3, 6))
        self.assertGreater(run["lost_steps"], 0)
        self.assert_as_predicted(run, ("cp", "cp-dp", "tp", "data"))

    def test_skipped_steps_share_no_weights(self):
        """A learning rate that makes the loss overflow: from then on steps are skipped, and ZeRO-1 gathers nothing after them."""
        self.train(*SHORT, "train.steps=8", "train.dtype=float32", "train.evaluate_every=0", "optimizer.lr=1e30", "optimizer.minimum_lr=1e30", "optimizer.warmup=0", "optimizer.clip=0", "mesh.zero=1", mesh="dp=2")
        skipped = [event["skipped"] for event in self.lines("events.jsonl") if event["event"] == "step"]
        self.assertTrue(any(skipped) and not all(skipped), skipped)
        self.assert_as_predicted(self.report("run")["runs"][0])

    def test_a_difference_is_marked(self):
        self.train(*SHORT, mesh="dp=2")
        ledger = self.folder / "run" / "ledger.jsonl"
        lines = [json.loads(line) for line in ledger.read_text().splitlines()]
        row = next(row for row in lines[1]["communication"] if row["group"] == "cp-dp")
        row["bytes"] = str(int(row["bytes"]) - 8)
        for line in lines:  # as a build wrote it whose lines had no checksum
            line["schema"] = "ergon.ledger.v1"
            del line["sha256"]
        ledger.write_text("".join(json.dumps(line) + "\n" for line in lines))
        self.assertRegex(self.ergon("report", "run").stdout, r"DIFFERS +cp-dp all_reduce: counted")
        self.assertEqual([row["group"] for row in self.report("run")["runs"][0]["communication"] if row["equals_prediction"] is False], ["cp-dp"])


main()
