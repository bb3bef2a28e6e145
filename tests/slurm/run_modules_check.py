# SPDX-License-Identifier: Apache-2.0
"""What run_modules.py makes of tests that pass, fail, and find no Slurm: of planted ones, where no program of Slurm is found."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REASON = "is not installed (packages slurm-wlm and munge)"
PLANTED = """
import unittest
from cluster import SlurmCase, skip
class Alone(unittest.TestCase):
    def test(self):
        {}
class OnACluster(SlurmCase):
    def test(self):
        self.fail("there is no cluster")
class OnTheSame(SlurmCase):
    def test(self):
        self.fail("there is no cluster")
"""


def run(words):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "planted.py").write_text(PLANTED.format(words))
        done = subprocess.run([sys.executable, "-B", HERE / "run_modules.py", "planted"], env=dict(os.environ, PATH="/nowhere", PYTHONPATH=folder), capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def main():
    checks = [("pass", 0), ("self.fail()", 1), ("skip('nothing to do')", 77)]
    wrong = []
    for words, expected in checks:
        code, out, err = run(words)
        if code != expected or not re.search(f"^skipped: .* {re.escape(REASON)}$", out, re.M):
            wrong.append(f"{words}: {code}, not {expected}\n{out}\n{err}")
    print(len(checks), "endings,", len(wrong), "wrong", *wrong, sep="\n")
    return 1 if wrong else 0


sys.exit(main())
