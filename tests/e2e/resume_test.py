# SPDX-License-Identifier: Apache-2.0
"""Resuming: bit for bit on the same mesh, to 1e-10 on another, never silently from step 0."""
import shutil
import signal

from harness import Case, main


class Resume(Case):
    # The curve is the same whatever the last step is, so that no machine is too fast for a run to be cut in its middle.
    FIXED = "optimizer.decay_steps=40"

    def test_interrupted_equals_uninterrupted_bit_for_bit(self):
        self.interrupted_equals_uninterrupted("train.dtype=float32")

    def test_interrupted_equals_uninterrupted_bit_for_bit_in_bfloat16(self):
        """The checkpoint holds the fp32 masters: with the rounded weights alone the curves would part at the first step."""
        self.interrupted_equals_uninterrupted("train.dtype=bfloat16")

    def interrupted_equals_uninterrupted(self, dtype):
        process = self.start("train", "run.toml", "run.folder=cut", "mesh.dp=2", "mesh.tp=2", dtype, self.FIXED, "train.steps=100000", ranks=4)
        self.wait_for_step(process, 7, "cut")
        process.send_signal(signal.SIGUSR1)
        self.finish(process, 85)
        self.assertEqual(self.result("cut")["code"], 85)
        last = self.ends_as_a_whole_one(40, dtype, mesh="dp=2 tp=2")
        self.assertEqual([step for step, _ in self.steps("cut")], list(range(1, last + 1)))
        self.assertEqual(self.result("cut")["code"], 0)
        self.held("cut", {"saved_on_signal": 1}, ranks=4)

    def ends_as_a_whole_one(self, steps, *keys, **rest):
        """The run that was cut goes on for so many steps, and another comes there in one go; the number of the last."""
        last = self.resume_for(steps, self.FIXED, *keys, folder="cut", **rest)
        self.train(self.FIXED, f"train.steps={last}", *keys, folder="whole", **rest)
        self.assertEqual(self.curve("cut"), self.curve("whole"))
        return last

    def held(self, folder, restarts, ranks):
        """What the report says of places and time, by the stamps of the run itself."""
        allocation = self.report(folder)["runs"][0]["allocation"]
        self.assertEqual(allocation["restarts"], restarts)
        for attempt in allocation["attempts"]:
            self.assertEqual((attempt["source"], attempt["places"], attempt["ranks"]), ("stamps", ranks, ranks))
            self.assertGreater(attempt["device_seconds"]["startup"], 0)
        parts = dict(allocation["device_seconds"])
        allocated = parts.pop("allocated")
        self.assertAlmostEqual(sum(parts.values()), allocated, delta=1e-6)
        self.assertTrue(all(seconds >= 0 for seconds in parts.values()), parts)
        self.assertEqual(allocation["goodput_of_time"], parts["useful"] / allocated)
        return allocation

    def test_killed_goes_back_to_the_checkpoint_and_books_the_loss(self):
        process = self.start("train", "run.toml", "run.folder=cut", self.FIXED, "train.steps=100000", "checkpoint.every=0")
        self.wait_for_step(process, 3, "cut")
        self.save_and_go_on(process, "cut")
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.ends_as_a_whole_one(10, "checkpoint.every=0", mpi=False)
        whole, cut = (self.report(folder)["runs"][0]["flops"]["exact"] for folder in ("whole", "cut"))
        self.assertEqual(cut["kept"], whole["kept"])
        self.assertEqual(int(cut["spent"]), int(cut["kept"]) + int(cut["lost"]))
        self.assertGreater(int(cut["lost"]), 0)
        held = self.held("cut", {"died": 1}, ranks=1)
        self.assertGreater(held["device_seconds"]["lost"], 0)
        self.assertEqual([attempt["at_least"] for attempt in held["attempts"]], [True, False])

    def test_other_meshes_continue(self):
        self.continue_on(("dp=1 tp=1", "dp=1 tp=2", "dp=2 tp=1", "dp=2 tp=4", "dp=8 tp=1"), "train.dtype=float64", 1e-10)

    def test_other_meshes_continue_in_bfloat16(self):
        """The tolerance is that of tests/e2e/mesh_test.py."""
        self.continue_on(("dp=1 tp=1", "dp=1 tp=2", "dp=2 tp=1"), "train.dtype=bfloat16", 0.02)

    def continue_on(self, meshes, dtype, tolerance):
        self.train(dtype, mesh="dp=2 tp=2", folder="whole")
        self.train("train.steps=20", dtype, mesh="dp=2 tp=2", folder="saved")
        shutil.rmtree(self.folder / "saved" / "checkpoints" / next(p.name for p in (self.folder / "saved" / "checkpoints").iterdir() if "00000020" in p.name))
        (self.folder / "saved" / "result.json").unlink()
        for mesh in meshes:
            with self.subTest(mesh=mesh):
                folder = "on " + mesh
                shutil.copytree(self.folder / "saved", self.folder / folder)
                self.train(dtype, mesh=mesh, folder=folder)
                self.assertEqual(self.lines("events.jsonl", folder)[-1]["code"], 0)
                starts = [event["from_step"] for event in self.lines("events.jsonl", folder) if event["event"] == "attempt"]
                self.assertEqual(starts, [0, 10])
                self.assert_close(self.curve(folder), self.curve("whole"), tolerance)

    def test_finished_says_so(self):
        self.train(mpi=False)
        before = self.steps()
        done = self.train(mpi=False)
        self.assertIn("finished", done.stderr)
        self.assertEqual(self.steps(), before)

    def test_never_silently_from_step_zero(self):
        self.train(mpi=False)
        shutil.rmtree(self.folder / "run" / "checkpoints")
        (self.folder / "run" / "result.json").unlink()
        refused = self.train(mpi=False, code=3)
        self.assertIn("--restart", refused.stderr)
        self.train("--restart", mpi=False)
        flops = self.report("run")["runs"][0]["flops"]["exact"]
        self.assertEqual(flops["kept"], flops["lost"])

    def test_fresh_trains_beside_the_old_run(self):
        self.train(mpi=False)
        self.train("--fresh", mpi=False)
        self.assertEqual(self.curve("run-2"), self.curve("run"))
        self.assertIn('folder = "run-2"', (self.folder / "run-2" / "config.toml").read_text())

    def test_a_changed_line(self):
        self.train("train.steps=10", "optimizer.decay_steps=20", mpi=False)
        self.assertIn("run.seed", self.train("train.steps=20", "optimizer.decay_steps=20", "run.seed=7", mpi=False, code=3).stderr)
        self.assertIn("--allow-change", self.train("train.steps=20", "optimizer.decay_steps=20", "optimizer.lr=2e-2", mpi=False, code=2).stderr)
        self.train("train.steps=20", "optimizer.decay_steps=20", "optimizer.lr=2e-2", "--allow-change", "optimizer.lr", mpi=False)
        starts = [line for line in self.lines("ledger.jsonl") if "changes" in line and line["changes"]]
        self.assertTrue(any("optimizer.lr" in str(line["changes"]) for line in starts))


main()
