# SPDX-License-Identifier: Apache-2.0
"""One process at a time trains in a folder: a second one is refused, a killed one is followed at once, one that was stopped and taken over changes nothing."""
import json
import pathlib
import signal
import time

from harness import Case, main


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(pathlib.Path(folder).rglob("*")) if path.is_file()}


class Lock(Case):
    def start_until_step(self, step, ranks=None, *overrides):
        process = self.start("train", "run.toml", "train.steps=100000", "checkpoint.asynchronous=false", *overrides, ranks=ranks)
        self.wait_for_step(process, step)
        return process

    def lock(self):
        return [path for path in (self.folder / "run").iterdir() if path.name.startswith("lock")]

    def test_a_second_run_in_the_folder_is_refused_and_the_first_goes_on(self):
        first = self.start_until_step(3, 2, "mesh.dp=2")
        refused = self.train("train.steps=100000", mesh="dp=2 tp=1", code=3)
        owner = json.loads(self.lock()[0].read_text())
        for word in ("another process is training in this folder", f"host {owner['host']}", f"pid {owner['pid']}", owner["since"], "--fresh"):
            self.assertIn(word, refused.stderr)
        self.assertIn("waiting for the owner", refused.stderr)
        self.assertEqual(refused.stderr.count("ergon: error"), 1)
        first.send_signal(signal.SIGUSR1)
        self.finish(first, 85)
        self.assertEqual(self.lock(), [])
        self.assertEqual([event["attempt"] for event in self.lines("events.jsonl") if event["event"] == "attempt"], [1])

    def test_a_killed_run_is_resumed_at_once(self):
        first = self.start_until_step(12)
        first.send_signal(signal.SIGKILL)
        first.wait()
        self.assertEqual([path.name for path in self.lock()], ["lock.a0001"])
        start = time.monotonic()
        self.resume_for(10, mpi=False)
        self.assertLess(time.monotonic() - start, 30)
        self.assertEqual(self.lock(), [])
        self.assertEqual(self.result()["attempt"], 2)

    def test_a_stopped_run_that_was_taken_over_changes_nothing(self):
        first = self.start_until_step(12)
        first.send_signal(signal.SIGSTOP)
        lock = self.lock()[0]
        record = json.loads(lock.read_text())
        lock.write_text(json.dumps(dict(record, start=record["start"] - 1)))  # its pid is another process's: taken without waiting
        self.resume_for(10, mpi=False)
        before = contents(self.folder / "run")
        first.send_signal(signal.SIGCONT)
        self.assertIn("attempt 1 no longer owns this run: attempt 2 has taken it", self.finish(first, 3))
        self.assertEqual(contents(self.folder / "run"), before)


if __name__ == "__main__":
    main()
