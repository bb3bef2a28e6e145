# SPDX-License-Identifier: Apache-2.0
"""The event files of a real run, as the package `tensorboard` reads them: every tag is there, its steps grow and come once although the run was killed, resumed, stopped and
resumed, and every value is that of events.jsonl at the same step (in float32, which is what the files hold). The package is fetched once (60 MB, tensorboard_requirements.txt)
into .venv-tensorboard of the checkout."""
import sys

import pinned


def skip(reason):
    print(f"skipped: pip cannot fetch tensorboard: {reason}")
    sys.exit(77)


pinned.run_in("tensorboard", "tensorboard_requirements.txt", __file__, skip)

import unittest  # noqa: E402

import live_run  # noqa: E402
import numpy  # noqa: E402
from tensorboard.backend.event_processing import event_accumulator  # noqa: E402

# tag -> (kind of event, its field) where one event has the value
FIELDS = {
    "loss/train": ("step", "loss"), "loss/validation": ("evaluation", "loss"), "optimizer/gradient_norm": ("step", "grad_norm"), "optimizer/learning_rate": ("step", "lr"),
    "time/step_seconds": ("step", "seconds"), "time/data_wait_seconds": ("step", "data_wait"), "time/evaluation_seconds": ("evaluation", "seconds"),
    "time/checkpoint_seconds": ("save", "seconds"), "time/checkpoint_blocked_seconds": ("save", "blocked"),
}
OTHERS = {"spent/tokens", "spent/model_flops", "spent/pfs_days", "speed/tokens_per_second", "speed/mfu", "time/startup_seconds", "run/restarts"}


class EventFiles(live_run.LiveRun):
    @classmethod
    def setUpClass(cls):
        run = cls("whole_run")
        run.setUp()
        cls.addClassCleanup(run.doCleanups)
        run.whole_run()
        cls.folder = run.folder
        reader = event_accumulator.EventAccumulator(str(run.folder / "run/tensorboard"), size_guidance={event_accumulator.SCALARS: 0})
        reader.Reload()
        cls.curves = {tag: {point.step: point.value for point in reader.Scalars(tag)} for tag in reader.Tags()["scalars"]}
        cls.order = {tag: [point.step for point in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}

    def setUp(self):
        if not hasattr(self, "curves"):
            super().setUp()

    def whole_run(self):
        self.killed_behind_a_save()
        self.stopped()
        self.ergon(*self.line())

    def test_every_tag_is_there_and_steps_come_once(self):
        self.assertEqual(set(self.curves), set(FIELDS) | OTHERS)
        for tag, steps in self.order.items():
            self.assertEqual(steps, sorted(set(steps)), tag)
        self.assertEqual(self.order["loss/train"], list(range(1, 41)))
        self.assertGreater(len(self.of_attempt("step", 1)), self.of_attempt("attempt", 2)[0]["from_step"], "no step was lost")

    def test_values_are_those_of_the_events(self):
        for tag, (kind, field) in FIELDS.items():
            self.assertEqual(self.curves[tag], {step: float(numpy.float32(event[field])) for step, event in self.surviving(kind).items()}, tag)

    def test_totals_are_those_of_events_and_ledger(self):
        steps, tokens = self.surviving("step"), 0
        for step in sorted(steps):
            tokens += steps[step]["tokens"]
            self.assertEqual(self.curves["spent/tokens"][step], float(numpy.float32(tokens)))
            self.assertEqual(self.curves["run/restarts"][step], steps[step]["attempt"] - 1)
        self.assertTrue(numpy.isclose(self.curves["spent/model_flops"][40], self.flops_before_the_last_evaluation(), rtol=1e-6))
        flops, days = (numpy.array(list(self.curves[tag].values())) for tag in ("spent/model_flops", "spent/pfs_days"))
        self.assertTrue((numpy.diff(flops) > 0).all())
        self.assertTrue(numpy.allclose(days, flops / 8.64e19, rtol=1e-6, atol=0))

    def test_speed_is_that_of_the_last_steps_of_the_attempt(self):
        a_token = self.flops("training") / sum(int(interval["tokens"]) for interval in self.intervals())
        for step, event in self.surviving("step").items():
            recent = [other for other in self.of_attempt("step", event["attempt"]) if other["step"] <= step][-20:]
            speed = sum(other["tokens"] for other in recent) / sum(other["seconds"] for other in recent)
            self.assertTrue(numpy.isclose(self.curves["speed/tokens_per_second"][step], speed, rtol=1e-4), step)
            self.assertTrue(numpy.isclose(self.curves["speed/mfu"][step], speed * a_token / self.peak(), rtol=1e-4), step)

    def test_the_time_before_the_first_step_is_that_of_the_ledger(self):
        started = {}
        for attempt in (2, 3):
            first = next(interval for interval in self.intervals() if interval["attempt"] == attempt)
            started[first["from_step"] + 1] = float(numpy.float32(first["seconds"]["startup"]))
        startup = dict(self.curves["time/startup_seconds"])
        self.assertGreater(startup.pop(1), 0)  # the ledger of an attempt that was killed does not know it
        self.assertEqual(startup, started)


if __name__ == "__main__":
    unittest.main(verbosity=1)
