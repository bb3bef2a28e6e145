# SPDX-License-Identifier: Apache-2.0
"""The table of exit codes under mpirun: what mpirun shows, and each rank's own. What a rank that hangs or meets a bug leads to: tests/fault."""
import signal
import subprocess

from exit_rows import LINES, assert_agreed, folder_of, words
from harness import ENVIRONMENT, Case, main


class UnderMpirun(Case):
    def begin(self, code):
        line = ["mpirun", "-n", "2", "--oversubscribe", "--bind-to", "none", *words(self, code)]
        process = subprocess.Popen(line, cwd=self.folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        self.addCleanup(self.end, process)
        return process

    def test_each_row(self):
        # Side by side: mpirun waits 2 s after each end that is not 0.
        runs = {code: self.begin(code) for code in LINES}
        for code, process in runs.items():
            with self.subTest(code=code):
                if code in (85, 86):
                    self.wait_for_step(process, 3, folder_of(code))
                if code == 85:
                    process.send_signal(signal.SIGUSR1)
                if code == 86:
                    (self.folder / folder_of(code) / "stop").touch()
                self.finish(process, code)
                assert_agreed(self, code)


main()
