# SPDX-License-Identifier: Apache-2.0
"""After a run: its report, its checkpoints, text from it, and the speed of a step."""
import json
import shutil

from harness import Case, main


class AfterARun(Case):
    def test_report_and_what_follows(self):
        self.train("accounting.peak=a100", mesh="dp=2 tp=2")
        run = self.report("run")["runs"][0]
        for key in ("run", "attempts", "steps", "tokens", "parameters", "flops", "pfs_days", "seconds", "tokens_per_second", "mfu", "hfu", "mesh", "device"):
            self.assertIn(key, run)
        self.assertEqual(run["steps"], 20)
        self.assertEqual(run["tokens"], 20 * 8 * 32)
        self.assertEqual(run["flops"]["exact"]["lost"], "0")
        audit = [event for event in self.lines("events.jsonl") if event["event"] == "audit"]
        self.assertTrue(audit and audit[0]["equals_prediction"])
        self.assertIn("exact", self.ergon("report", "run").stdout)
        shutil.copytree(self.folder / "run", self.folder / "again")
        total = self.report("run", "again")["total"]
        self.assertEqual(total["tokens"], 2 * run["tokens"])

        self.ergon("checkpoint", "verify", "run")
        self.assertIn("20", self.ergon("checkpoint", "list", "run").stdout)
        first, second = (self.ergon("generate", "run", "--prompt", "Document 3", "--tokens", "40").stdout for _ in range(2))
        self.assertTrue(first.startswith("Document 3"))
        self.assertEqual(first, second)

    def test_bench_train(self):
        result = json.loads(self.ergon("bench", "train", "--json", "--steps", "2", "model.preset=tiny-gpt", "model.sequence=16", "train.batch=4", "train.microbatch=2").stdout)
        self.assertEqual(result["schema"], "ergon.bench.v1")
        case = result["cases"][0]
        self.assertGreater(case["value"], 0)
        self.assertEqual(len(case["each"]), 2)


main()
