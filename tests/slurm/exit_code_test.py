# SPDX-License-Identifier: Apache-2.0
"""The table of exit codes as jobs: what srun shows, what the script makes of it, State and ExitCode of the job, and each rank's own status."""
import os
import shlex
import unittest

from cluster import SlurmCase
from exit_rows import LINES, PLANNED, assert_agreed, folder_of, words

KEYS = ("mesh.dp=2", "launch.nodes=2", "launch.ranks_per_node=1", "launch.comeback=never")
SRUN_SAYS = 'echo "srun: $code" >"shown.{}"\n'
LAST_WAIT = 'wait "$child"  # once more'


class ExitCodes(SlurmCase):
    def start(self, code):
        text = self.script(*KEYS, folder=folder_of(code))
        text = self.with_ranks(text, shlex.join(words(self, code)))
        head, tail = text.split(LAST_WAIT)
        comment, status, rest = tail.split("\n", 2)
        return self.submit(f"{head}{LAST_WAIT}{comment}\n{status}\n{SRUN_SAYS.format(code)}{rest}", folder_of(code))

    def test_each_row(self):
        codes = sorted({**LINES, **PLANNED}, reverse=True)  # those that are to be asked come first
        jobs = {code: self.start(code) for code in codes}
        self.wait_step(3, folder_of(86))
        (self.folder / folder_of(86) / "stop").touch()
        self.wait_step(3, folder_of(85))
        self.command("scancel", "-b", "-s", "USR1", jobs[85])
        for code, number in jobs.items():
            with self.subTest(code=code):
                self.wait_state(number, "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT")
                assert_agreed(self, code)
                self.assertEqual((self.folder / f"shown.{code}").read_text(), f"srun: {code}\n")
                job = self.job(number)
                self.assertEqual((job["JobState"], job["ExitCode"]), ("FAILED" if code else "COMPLETED", f"{code}:0"))
                if code in (0, 85, 86, 87):  # it has trained: by this, `ergon stop` knows a job that was submitted by hand
                    self.assertEqual((self.folder / folder_of(code) / "launch/job").read_text(), f"{number}\n")
                fresh = "yes" if code in (0, 85, 86, 87) else "no"
                self.assertIn(f"the ranks ended: code {code}, a fresh result.json: {fresh}", self.output(folder_of(code)))
        self.assertEqual(self.in_queue(), {})


if __name__ == "__main__":
    unittest.main(verbosity=2)
