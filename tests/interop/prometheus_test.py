# SPDX-License-Identifier: Apache-2.0
"""/metrics of a real run, as Prometheus takes it: `promtool check metrics` has nothing to say, and every figure is that of events.jsonl and ledger.jsonl at the same
moment, after a resume too. promtool is taken from PATH, or from Debian's package (90 MB, nothing of it is installed), kept in .promtool of the checkout."""
import math
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import live_run

KEPT = live_run.SOURCE / ".promtool/promtool"


def fetched():
    with tempfile.TemporaryDirectory() as folder:
        for command in ("apt-get download prometheus", "dpkg-deb -x prometheus_*.deb unpacked"):
            done = subprocess.run(command, shell=True, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                print(f"skipped: there is no promtool, and '{command}' failed: {done.stdout.strip().splitlines()[-1:]}")
                sys.exit(77)
        KEPT.parent.mkdir(exist_ok=True)
        shutil.move(pathlib.Path(folder, "unpacked/usr/bin/promtool"), KEPT)
    return KEPT


PROMTOOL = shutil.which("promtool") or (KEPT if KEPT.exists() else fetched())


def figures(text):
    """name with labels -> value"""
    return {name: float(value) for name, value in re.findall(r"^(ergon_\S+) (\S+)$", text, re.M)}


class Scrapes(live_run.LiveRun):
    STEPS, BATCH = 4000, 256  # a step takes long enough to be looked at twice

    def scrape(self):
        with urllib.request.urlopen(f"http://{(self.folder / 'run/metrics.address').read_text().strip()}/metrics", timeout=10) as answer:
            return answer.read().decode()

    def moment(self, process, step):
        """A scrape of a moment between two steps, of one behind `step` at which nothing is evaluated or saved: two in a row that say the same."""
        self.wait_for_step(process, step)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            text = self.scrape()
            found, again = figures(text), figures(self.scrape())
            now = int(found["ergon_step"])
            if found == again and now >= step and now % 7 and now % 10:
                return text
        self.fail("no two scrapes are the same")

    def assert_is_what_the_files_say(self, text, attempt):
        checked = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))
        found = figures(text)
        step = int(found["ergon_step"])
        steps = {number: event for number, event in self.surviving("step").items() if number <= step}
        mine = [event for event in steps.values() if event["attempt"] == attempt]
        evaluations = [event for event in self.of_attempt("evaluation", attempt) if event["step"] <= step]
        saves = self.of_attempt("save", attempt)[:int(found['ergon_checkpoints_total{result="saved"}'])]
        seconds = sum(event["seconds"] for event in mine)
        expected = {
            "ergon_target_steps": self.STEPS, "ergon_ranks": 1, "ergon_attempt": attempt, "ergon_restarts_total": attempt - 1,
            "ergon_loss": steps[step]["loss"], "ergon_gradient_norm": steps[step]["grad_norm"], "ergon_learning_rate": steps[step]["lr"],
            "ergon_tokens_total": sum(event["tokens"] for event in steps.values()), "ergon_step_seconds_total": seconds,
            "ergon_data_wait_seconds_total": sum(event["data_wait"] for event in mine), "ergon_skipped_steps_total": 0,
            "ergon_evaluation_seconds_total": sum(event["seconds"] for event in evaluations),
            "ergon_checkpoint_seconds_total": sum(event["seconds"] for event in saves), "ergon_checkpoint_blocked_seconds_total": sum(event["blocked"] for event in saves),
            'ergon_checkpoints_total{result="failed"}': 0, "ergon_pfsdays_total": found["ergon_model_flops_total"] / 8.64e19,
        }
        if evaluations:
            expected["ergon_validation_loss"] = evaluations[-1]["loss"]
        if saves:
            expected["ergon_checkpoint_step"] = saves[-1]["step"]
        for name, value in expected.items():
            self.assertTrue(math.isclose(found[name], value, rel_tol=1e-5, abs_tol=1e-12), f"{name}: {found[name]}, not {value}")
        recent = mine[-20:]
        speed = sum(event["tokens"] for event in recent) / sum(event["seconds"] for event in recent)
        self.assertTrue(math.isclose(found["ergon_tokens_per_second"], speed, rel_tol=1e-5), (found["ergon_tokens_per_second"], speed))
        self.assertTrue(math.isclose(found["ergon_remaining_seconds"], (self.STEPS - step) * steps[step]["tokens"] / speed, rel_tol=1e-5))
        self.assertGreater(found["ergon_startup_seconds_total"], 0)
        return found, step, evaluations

    def assert_spent(self, found, earlier, mine, evaluated):
        """FLOPs: those of earlier attempts as their ledger has them, and this attempt's steps and evaluations."""
        intervals = [interval for interval in self.intervals() if interval["attempt"] == 1]
        steps = sum(interval["to_step"] - interval["from_step"] for interval in intervals)
        a_step = sum(int(interval["training"]["model"].get("exact", 0)) for interval in intervals) // steps
        self.assertTrue(math.isclose(found["ergon_model_flops_total"], earlier + mine * a_step + evaluated * a_step / self.BATCH / 3, rel_tol=1e-5))
        speed = found["ergon_tokens_per_second"] / (self.BATCH * 32)
        self.assertTrue(math.isclose(found["ergon_mfu_ratio"], a_step * speed / self.peak(), rel_tol=1e-5))

    def test_promtool_accepts_it_and_the_figures_are_those_of_the_files(self):
        first = self.start(*self.line())
        self.wait_for_step(first, 1)
        self.wait_for_event(first, "save", 1)
        found, *_ = self.assert_is_what_the_files_say(self.moment(first, 16), 1)
        self.assertGreaterEqual(found["ergon_checkpoint_step"], 10)

        # A second run is told that the port is taken, and trains all the same.
        port = (self.folder / "run/metrics.address").read_text().strip().rsplit(":", 1)[1]
        other = self.ergon("train", "run.toml", "run.folder=other", "train.steps=5", f"metrics.port={port}")
        self.assertIn("warning: no metrics: ", other.stderr)
        self.assertFalse((self.folder / "other/metrics.address").exists())

        self.kill_behind_a_save(first)
        second = self.start(*self.line())
        lost = max(event["step"] for event in self.of_attempt("step", 1))
        resumed = self.wait_for_event(second, "attempt", 2)["from_step"]
        self.assertGreater(lost, resumed)
        text = self.moment(second, lost + 3)
        second.send_signal(signal.SIGSTOP)  # the files stay as they are
        found, step, evaluations = self.assert_is_what_the_files_say(text, 2)
        earlier = sum(int(interval[part]["model"].get("exact", 0)) for interval in self.intervals() if interval["attempt"] == 1 for part in ("training", "evaluation"))
        self.assert_spent(found, earlier, step - resumed, sum(event["sequences"] for event in evaluations))


if __name__ == "__main__":
    unittest.main(verbosity=1)
