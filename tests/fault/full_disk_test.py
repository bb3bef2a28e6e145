# SPDX-License-Identifier: Apache-2.0
"""A disk that is full: a real one, a tmpfs of a few MiB that holds the run folder. Whatever could not be written, every rank ends with the same code, no file
is torn, and the same line goes on once there is room."""
import os
import subprocess
import sys

from harness import BINARY, ENVIRONMENT, Case, main

RANKS = 2
KEYS = ["mesh.tp=2", "train.batch=16", "train.microbatch=4", "train.evaluate_every=0", "optimizer.schedule=constant"]
INSIDE = "ERGON_TEST_OWN_MOUNTS"
PAGE = 4096


def own_mounts():
    """Goes on in a process whose mounts nobody else sees; a reason where that is refused."""
    if INSIDE in os.environ:
        return None
    for options in ("-m", "-rm"):
        mounts = subprocess.run(["unshare", options, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True)
        if mounts.returncode == 0:
            os.execvpe("unshare", ["unshare", options, sys.executable, *sys.argv], dict(os.environ, **{INSIDE: "yes"}))
    return f"no file system may be mounted here ({mounts.stderr.strip()})"


class FullDisk(Case):
    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(self.disk)], capture_output=True, text=True)
        self.assertEqual(mounted.returncode, 0, mounted.stderr)
        self.addCleanup(subprocess.run, ["umount", str(self.disk)])
        wrapper = self.folder / "wrapper"
        wrapper.write_text('#!/bin/sh\n"$@"\ncode=$?\necho $code > "code.$OMPI_COMM_WORLD_RANK"\nexit $code\n')
        wrapper.chmod(0o755)

    def run_on_disk(self, code, *keys):
        """Runs the line; the code of every rank is `code`. Returns what was said."""
        # With --enable-recovery mpirun leaves the others alone when the first one ends.
        line = ["mpirun", "--enable-recovery", "-n", str(RANKS), "--oversubscribe", "--bind-to", "none", "./wrapper", BINARY, "train", "run.toml", "run.folder=disk/run", *KEYS, *keys]
        for rank in range(RANKS):
            (self.folder / f"code.{rank}").unlink(missing_ok=True)
        done = subprocess.run(line, cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        self.assertTrue((self.folder / "code.0").exists(), done.stderr)
        codes = [(self.folder / f"code.{rank}").read_text().strip() for rank in range(RANKS)]
        self.assertEqual(codes, [str(code)] * RANKS, done.stderr)
        return done.stderr

    def fill(self, but=0):
        """Takes all room but so many pages."""
        free = os.statvfs(self.disk)
        with open(self.disk / "filler", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, (free.f_bavail - but) * PAGE)

    def make_room(self):
        (self.disk / "filler").unlink()

    def assert_whole(self):
        """No line is torn, no temporary is left, every checkpoint verifies."""
        for name in ("events.jsonl", "ledger.jsonl", "lineage.jsonl"):
            text = (self.disk / "run" / name).read_text()
            self.assertTrue(text.endswith("\n"), name)
            self.lines(name, "disk/run")
        left = [file for file in (self.disk / "run").rglob("*") if ".tmp" in file.name]
        self.assertEqual(left, [])
        self.ergon("checkpoint", "verify", "disk/run")
        self.ergon("report", "disk/run")

    def assert_goes_on(self, *keys):
        self.make_room()
        self.run_on_disk(0, *keys)
        self.assertEqual(self.result("disk/run")["code"], 0)

    def assert_as_whole(self, *keys):
        self.ergon("train", "run.toml", "run.folder=whole", *KEYS, *keys, ranks=RANKS)
        self.assert_close(self.curve("disk/run"), self.curve("whole"), 1e-12)

    def begin(self, *keys):
        """An attempt that saved its first step, so that the next one has little to write until then."""
        (self.disk / "run").mkdir()
        (self.disk / "run" / "stop").write_text("")
        self.run_on_disk(86, *keys)

    def test_in_a_save(self):
        # Room for the files of an attempt, not for a second checkpoint: the saves fail and training goes on; the last one decides.
        keys = ["train.steps=16", "checkpoint.every=4"]
        self.begin(*keys)
        self.fill(but=40)
        said = self.run_on_disk(3, *keys)
        self.assertIn("NOT saved", said)
        self.assertIn("No space left on device", said)
        self.assertIn("free some space", said)
        failed = [event["step"] for event in self.lines("events.jsonl", "disk/run") if event["event"] == "save_failed"]
        self.assertEqual(failed, [4, 8, 12, 16])
        self.assertEqual((self.result("disk/run")["code"], self.result("disk/run")["step"]), (3, 16))
        self.assert_whole()
        self.assert_goes_on(*keys)
        self.assert_as_whole(*keys)

    def test_in_the_events(self):
        # A long run that only writes events.
        keys = ["train.steps=300", "checkpoint.every=0"]
        self.begin(*keys)
        self.fill(but=8)
        said = self.run_on_disk(3, *keys)
        self.assertRegex(said, r"write failed: No space left on device.*\n?.*")
        self.assertIn("events.jsonl", said)
        self.assertLess(len(self.lines("events.jsonl", "disk/run")), 300)
        self.assert_whole()
        self.assert_goes_on(*keys)
        self.assert_as_whole(*keys)

    def test_in_the_ledger(self):
        # Events and lineage have pages of their own behind their ends; the ledger has not.
        keys = ["train.steps=40", "checkpoint.every=1"]
        self.begin(*keys)
        for name in ("events.jsonl", "lineage.jsonl"):
            subprocess.run(["fallocate", "-n", "-o", "0", "-l", str(64 * PAGE), str(self.disk / "run" / name)], check=True)
        self.fill(but=6)
        said = self.run_on_disk(3, *keys)
        self.assertRegex(said, "error: .*ledger.jsonl: write failed: No space left on device|error: write failed: No space left on device")
        self.assertIn("ledger.jsonl", said)
        self.assert_whole()
        self.assert_goes_on(*keys)

    def test_at_the_start(self):
        # Not even the lock fits: nothing is changed.
        keys = ["train.steps=8", "checkpoint.every=4"]
        self.begin(*keys)
        before = {name: (self.disk / "run" / name).read_bytes() for name in ("events.jsonl", "ledger.jsonl", "config.toml", "result.json", "lineage.jsonl")}
        self.fill()
        said = self.run_on_disk(3, *keys)
        self.assertIn("No space left on device", said)
        self.assertEqual({name: (self.disk / "run" / name).read_bytes() for name in before}, before)
        self.assert_whole()
        self.assert_goes_on(*keys)


if __name__ == "__main__":
    reason = own_mounts()
    if reason:
        print("skipped:", reason)
        sys.exit(77)
    main()
