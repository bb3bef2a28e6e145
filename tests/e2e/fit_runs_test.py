# SPDX-License-Identifier: Apache-2.0
"""A scaling law from real run folders: what a run says of its data, which runs do not mix, which approach its curves allow."""
import json

from harness import Case, main


class FitOfRuns(Case):
    def test_runs_as_rows(self):
        self.train("train.steps=10", "model.width=16", folder="small", mpi=False)
        self.train("train.steps=10", folder="large", mpi=False)
        for folder in ("small", "large"):
            data = next(event for event in self.lines("events.jsonl", folder) if event["event"] == "attempt")["data"]
            self.assertEqual(sorted(data), ["tokenizer", "train", "train_tokens", "validation"])
            self.assertGreater(data["train_tokens"], 0)
        refused = self.ergon("fit", "--runs", "small", "large", code=3).stderr
        self.assertIn("2", refused)  # two points make no law of five numbers
        self.assertIn("it compares runs, and there is only 'small'", self.ergon("fit", "--runs", "small", "--approach", "1", code=2).stderr)
        self.assertIn("not guessed", self.ergon("fit", "--runs", "small", "large", "--approach", "2", code=2).stderr)

        self.train("train.steps=10", "model.sequence=16", folder="short", mpi=False)
        mixed = self.ergon("fit", "--runs", "large", "short", code=3).stderr
        self.assertIn("runs 'large' and 'short' do not mix: the sequence length of the one is 32, of the other 16", mixed)

        lines = (self.folder / "small" / "events.jsonl").read_text().splitlines()
        lines[0] = json.dumps({key: value for key, value in json.loads(lines[0]).items() if key not in ("data", "sha256")})  # as an older version wrote it
        (self.folder / "small" / "events.jsonl").write_text("\n".join(lines) + "\n")
        self.assertIn("do not say which tokenizer", self.ergon("fit", "--runs", "small", code=3).stderr)


main()
