# SPDX-License-Identifier: Apache-2.0
"""An import that is killed goes on to the bytes of one that was not; standard input says that it cannot; a full disk stops it where it goes on from."""
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time

from full_disk_test import own_mounts
from harness import BINARY, ENVIRONMENT, Case, main


def records(count):
    """Lines of JSON, of which every fifth repeats an earlier one."""
    words = [f"word{n * n % 997}" for n in range(400)]
    for n in range(count):
        text = n // 3 if n % 5 == 4 else n
        yield json.dumps({"text": f"record {text} " + " ".join(words[text % 97 : text % 97 + 60 + text % 200])})


class Ingest(Case):
    size = 8_000

    def setUp(self):
        super().setUp()
        folder = self.folder / "corpus"
        folder.mkdir()
        lines = list(records(self.size))
        (folder / "a.jsonl").write_text("\n".join(lines))
        packed = subprocess.run(["gzip", "-1"], input="\n".join(lines[::2]).encode(), stdout=subprocess.PIPE, check=True)
        (folder / "b.jsonl.gz").write_bytes(packed.stdout)
        for n in range(300):
            (folder / f"c{n:03}").write_text(f"file {n // 2}")

    def line(self, output, *more):
        return ["data", "import", "corpus", "-o", output, "--deduplicate", "--shard-size", "8", *more]

    def digest(self, dataset):
        """Of the shards, in the order of the dataset file."""
        digest = hashlib.sha256()
        for shard in json.loads((self.folder / dataset).read_text())["shards"]:
            digest.update((self.folder / shard["file"]).read_bytes())
        return digest.hexdigest()


class Kills(Ingest):
    kills = 3

    def test_killed_at_any_moment(self):
        started = time.monotonic()
        summary = json.loads(self.ergon(*self.line("whole.json", "--json")).stdout)
        whole = time.monotonic() - started
        self.assertGreater(summary["shards"], 1)
        self.assertGreater(summary["duplicate_documents"], self.size // 6)
        draw, killed, attempts = random.Random(1), 0, 0
        while killed < self.kills:
            attempts += 1
            self.assertLess(attempts, 40 * self.kills)
            process = self.start(*self.line("killed.json", "--threads", str(draw.choice([1, 2, 8]))))
            try:
                process.wait(draw.uniform(0.05, 0.9) * whole)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += (self.folder / "killed.ingest" / "plan.json").exists()
            # It was done before it could be killed, or while it removed its work folder, which the next one finishes: again from nothing.
            if process.returncode == 0 or (process.returncode == 2 and not (self.folder / "killed.ingest").exists()):
                self.assertEqual(self.digest("killed.json"), self.digest("whole.json"))
                for path in self.folder.glob("killed*"):
                    path.unlink()
        self.ergon(*self.line("killed.json"))
        self.assertEqual(self.digest("killed.json"), self.digest("whole.json"))
        self.assertFalse((self.folder / "killed.ingest").exists())
        self.ergon("data", "verify", "killed.json")
        print(f"{killed} kills in {attempts} attempts")


class TwentyKills(Kills):
    kills = 20
    size = 60_000


class Stream(Ingest):
    def test_standard_input_and_a_dataset_in_a_run(self):
        text = (self.folder / "corpus" / "a.jsonl").read_bytes()
        line = [BINARY, "data", "import", "-", "--format", "jsonl", "--json", "--valid", "0.1", "--shard-size", "8"]
        done = subprocess.run([*line, "-o", "s.json"], cwd=self.folder, env=ENVIRONMENT, input=text, capture_output=True, check=True)
        self.assertIn(b"standard input is read once: this import cannot go on after an interruption", done.stderr)
        summary = json.loads(done.stdout)
        self.ergon("data", "import", "corpus/a.jsonl", "-o", "f.json", "--valid", "0.1", "--shard-size", "8")
        hidden = json.loads(self.ergon("data", "inspect", "f.json", "--json").stdout)
        self.assertEqual(summary["splits"], hidden["splits"])
        self.assertEqual(summary["documents"], self.size)
        # Killed in the middle it leaves nothing that a later one would go on with.
        process = subprocess.Popen([*line, "-o", "k.json"], cwd=self.folder, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(text[: len(text) // 2])
        process.stdin.flush()
        process.kill()
        process.communicate()
        subprocess.run([*line, "-o", "k.json"], cwd=self.folder, env=ENVIRONMENT, input=text, capture_output=True, check=True)
        self.assertEqual(self.digest("k.json"), self.digest("s.json"))
        # What was imported can be trained on, checked, and measured.
        self.ergon("data", "verify", "s.json")
        self.ergon("data", "bigram", "s.json", "--max-tokens", "100000")
        self.ergon("train", "run.toml", "data.train=s.json", "train.steps=2", "optimizer.warmup=1")


class FullDisk(Ingest):
    def test_stops_and_goes_on(self):
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], capture_output=True, text=True)
        self.assertEqual(mounted.returncode, 0, mounted.stderr)
        self.addCleanup(subprocess.run, ["umount", str(disk)])
        done = self.ergon(*self.line("disk/t.json"), code=3)
        self.assertIn("No space left on device", done.stderr)
        self.assertIn("what was done is kept in disk/t.ingest", done.stderr)
        self.assertEqual([path.name for path in disk.iterdir()], ["t.ingest"])
        subprocess.run(["mount", "-o", "remount,size=400m", str(disk)], check=True)
        self.ergon(*self.line("disk/t.json"))
        self.ergon(*self.line("whole.json"))
        (self.folder / "t.json").write_text((disk / "t.json").read_text())
        for path in disk.glob("t-*.h5"):
            os.symlink(path, self.folder / path.name)
        self.assertEqual(self.digest("t.json"), self.digest("whole.json"))


if __name__ == "__main__":
    if "FullDisk" in sys.argv:
        reason = own_mounts()
        if reason:
            print("skipped:", reason)
            sys.exit(77)
    main()
