# SPDX-License-Identifier: Apache-2.0
"""A real run that shows itself live, for those who read it with other people's programs: killed behind a save, so that steps are lost, resumed, stopped, and
resumed to its end. What its figures must be is worked out here from events.jsonl and ledger.jsonl alone."""
import os
import pathlib
import signal
import sys

SOURCE = pathlib.Path(os.environ["ERGON_SOURCE"])
sys.path.insert(0, str(SOURCE / "tests/e2e"))

import harness  # noqa: E402


class LiveRun(harness.Case):
    STEPS, BATCH, EVERY = 40, 128, 10  # a step takes long enough for what is done between two

    def line(self):
        return ["train", "run.toml", "train.dtype=float32", "accounting.peak=h100-sxm", "metrics.port=0", "metrics.tensorboard=true", f"train.steps={self.STEPS}",
                f"train.batch={self.BATCH}", f"checkpoint.every={self.EVERY}", "train.evaluate_every=7"]

    def killed_behind_a_save(self):
        first = self.start(*self.line())
        self.wait_for_step(first, 1)
        self.wait_for_event(first, "save", 1)
        self.kill_behind_a_save(first)

    def kill_behind_a_save(self, process):
        """It stands still first, at a step that no checkpoint can be of: some are lost."""
        while True:
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            if self.steps()[-1][0] % self.EVERY:
                break
            process.send_signal(signal.SIGCONT)
            self.wait_for_step(process, self.steps()[-1][0] + 1)
        process.kill()
        process.wait()

    def stopped(self):
        second = self.start(*self.line())
        self.wait_for_step(second, 23)
        (self.folder / "run/stop").touch()
        self.finish(second, 86)

    def surviving(self, kind):
        """step -> the newest event of that kind in the lineage that survives."""
        kept = {}
        for event in self.lines("events.jsonl"):
            if event["event"] == "attempt":
                kept = {step: found for step, found in kept.items() if step <= event["from_step"]}
            if event["event"] == kind:
                kept[event["step"]] = event
        return kept

    def of_attempt(self, kind, attempt):
        return [event for event in self.lines("events.jsonl") if event["event"] == kind and event["attempt"] == attempt]

    def intervals(self):
        return [line for line in self.lines("ledger.jsonl") if line["kind"] == "interval"]

    def flops(self, part):
        return sum(int(interval[part]["model"].get("exact", 0)) for interval in self.intervals())

    def flops_before_the_last_evaluation(self):
        """Of a run that has ended with an evaluation: what it had spent at its last step, lost steps among them."""
        evaluations = [event for event in self.lines("events.jsonl") if event["event"] == "evaluation"]
        a_sequence = self.flops("evaluation") // sum(event["sequences"] for event in evaluations)
        return self.flops("training") + self.flops("evaluation") - evaluations[-1]["sequences"] * a_sequence

    def peak(self):
        start = [line for line in self.lines("ledger.jsonl") if line["kind"] == "attempt"][-1]
        return start["peak"] * start["devices"]
