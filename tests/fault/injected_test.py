# SPDX-License-Identifier: Apache-2.0
"""Failures that the system itself reports to the real program: strace answers a call with ENOSPC or EIO (where tracing is allowed), a mount that is
read-only. The save fails or the program ends in a sentence, the older checkpoint stays, and the same line goes on afterwards."""
import json
import re
import shutil
import subprocess

from harness import BINARY, ENVIRONMENT, Case, main

# Saves block, so that the main thread makes the calls that are counted.
KEYS = ["checkpoint.asynchronous=false", "train.steps=8", "train.evaluate_every=0", "checkpoint.every=4", "optimizer.schedule=constant"]
# Not fallocate, mkdir and write: strace counts them by thread, and Open MPI's threads and helper processes would be hit too. A full disk is in full_disk_test.py.
CALLS = ("pwrite64", "fdatasync", "fsync", "rename")
FAILURES = [("pwrite64", "ENOSPC"), ("fdatasync", "EIO"), ("rename", "EIO")]  # one of each kind in CI


def tracing():
    """None, or why nothing can be injected here."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], capture_output=True, text=True)
    return None if tried.returncode == 0 else f"tracing is not allowed here ({tried.stderr.strip()[:80]})"


class Traced(Case):
    def setUp(self):
        super().setUp()
        reason = tracing()
        if reason:
            print("skipped:", reason)
            self.skipTest(reason)
        self.ergon("train", "run.toml", *KEYS, "train.steps=4")
        shutil.copytree(self.folder / "run", self.folder / "begun")

    def trace(self, *words):
        """The run goes on from step 4 under strace; (code, stderr, lines of the trace)."""
        shutil.rmtree(self.folder / "run")
        shutil.copytree(self.folder / "begun", self.folder / "run")
        log = self.folder / "trace"
        line = ["strace", "-f", "-y", "-qq", "-o", str(log), *words, BINARY, "train", "run.toml", *KEYS]
        done = subprocess.run(line, cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
        return done.returncode, done.stderr, log.read_text(errors="replace").splitlines()


class Injected(Traced):
    def calls(self):
        """call -> which of its occurrences in the main thread are on the checkpoints: strace counts per thread."""
        code, said, lines = self.trace("-e", "trace=" + ",".join(CALLS))
        self.assertEqual(code, 0, said)
        main_thread = next(line.split()[0] for line in lines if "checkpoints" in line)  # MPI's threads and the helpers call too
        seen, found = dict.fromkeys(CALLS, 0), {call: [] for call in CALLS}
        for line in lines:
            match = re.match(r"(\d+) +(\w+)\(", line)
            if match and match.group(1) == main_thread and match.group(2) in seen:
                seen[match.group(2)] += 1
                if match.group(2) == "pwrite64" and '"\\211HDF' in line:
                    self.last_of_hdf5 = seen["pwrite64"]
                if "checkpoints" in line:
                    found[match.group(2)].append(seen[match.group(2)])
        return found

    def check_one(self, call, error, when):
        code, said, lines = self.trace("-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}")
        with self.subTest(call=call, error=error, when=when, code=code):
            self.assertTrue(any("INJECTED" in line for line in lines))
            self.assertIn(code, (0, 3), said)
            if code == 3:
                self.assertRegex(said, "No space left on device|Input/output error")
            self.ergon("checkpoint", "verify", "run")
            self.ergon("train", "run.toml", *KEYS)
            self.assertEqual(self.result()["code"], 0)
        return "saved" if code == 0 else "refused"

    def test_one_of_each_kind(self):
        found = self.calls()
        for call, error in FAILURES:
            self.check_one(call, error, found[call][0])
        self.check_one("pwrite64", "ENOSPC", self.last_of_hdf5)  # in the close of a file, which HDF5 would do once more as the process ends


class EveryCall(Injected):
    def test_one_of_each_kind(self):
        """Each call on the checkpoints, with each error."""
        played = 0
        for call, places in self.calls().items():
            counts = {}
            for error in ("ENOSPC", "EIO"):
                for when in places:
                    outcome = f"{call} {error}: {self.check_one(call, error, when)}"
                    counts[outcome] = counts.get(outcome, 0) + 1
            print("injected:", json.dumps(counts), flush=True)
            played += sum(counts.values())
        self.assertGreater(played, 40)


class Looks(Traced):
    """A disk that fails when the run looks for what it has: it ends in a sentence, and goes on from the newest save."""
    CALLS = ("openat", "newfstatat", "getdents64", "pread64")
    everywhere = False

    def watched(self):
        """Options that confine strace to what the run has."""
        run = self.folder / "run"
        places = [run] + [path for path in sorted(run.rglob("*")) if "lock" not in path.name]
        return [word for path in places for word in ("-P", str(path.relative_to(self.folder)))]

    def places(self):
        """call -> how many of it one of the threads makes."""
        code, said, lines = self.trace(*self.watched(), "-e", "trace=" + ",".join(self.CALLS))
        self.assertEqual(code, 0, said)
        counts = {}
        for line in lines:
            match = re.match(r"(\d+) +(\w+)\(", line)
            if match:
                counts[match.groups()] = counts.get(match.groups(), 0) + 1
        return {call: max([0] + [count for (_, name), count in counts.items() if name == call]) for call in self.CALLS}

    def beginnings(self):
        return [event["from_step"] for event in self.lines("events.jsonl") if event["event"] == "attempt"]

    def check_one(self, call, when):
        code, said, lines = self.trace(*self.watched(), "-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={when}")
        with self.subTest(call=call, when=when, code=code):
            if not any("INJECTED" in line for line in lines):  # a look that the clock decides, which the run that was counted had more of
                self.assertEqual(code, 0, said)
                return "not reached"
            self.assertIn(code, (0, 3), said)
            if code == 3:
                self.assertIn("Input/output error", said)
                self.ergon("train", "run.toml", *KEYS)
            self.assertEqual(self.result()["code"], 0)
            begun = self.beginnings()
            self.assertIn(begun[1:], ([4], [4, 4], [4, 8]))  # 8: the disk failed behind the last save
            self.assertEqual(sorted(self.curve("run")), list(range(1, 9)))
            self.ergon("checkpoint", "verify", "run")
        return "harmless" if code == 0 else "refused"

    def test_each_kind(self):
        for call, most in self.places().items():
            self.assertGreater(most, 0, call)
            counts = {}
            for when in range(1, most + 1) if self.everywhere else [1]:
                outcome = f"{call} EIO: {self.check_one(call, when)}"
                counts[outcome] = counts.get(outcome, 0) + 1
            print("injected:", json.dumps(counts), flush=True)
            self.assertLessEqual(counts.get(f"{call} EIO: not reached", 0), most // 20 if self.everywhere else 0)


class EveryLook(Looks):
    everywhere = True


class ReadOnly(Case):
    def test_a_run_folder_that_cannot_be_written(self):
        self.ergon("train", "run.toml", *KEYS, "train.steps=4")
        target = self.folder / "mounted"
        target.mkdir()
        for line in (["mount", "--bind", str(self.folder / "run"), str(target)], ["mount", "-o", "remount,bind,ro", str(target)]):
            mounted = subprocess.run(line, capture_output=True, text=True)
            if mounted.returncode != 0:
                subprocess.run(["umount", str(target)], capture_output=True)
                print("skipped: no bind mount here:", mounted.stderr.strip())
                self.skipTest("no bind mount")
        self.addCleanup(subprocess.run, ["umount", str(target)])
        before = {path: path.read_bytes() for path in (self.folder / "run").rglob("*") if path.is_file()}
        refused = self.ergon("train", "run.toml", *KEYS, "run.folder=mounted", code=3).stderr
        self.assertIn("Read-only file system", refused)
        self.assertIn("hint", refused)
        self.assertEqual({path: path.read_bytes() for path in before}, before)
        self.ergon("checkpoint", "verify", "mounted")  # reading needs no writing
        self.ergon("train", "run.toml", *KEYS)


if __name__ == "__main__":
    main()
