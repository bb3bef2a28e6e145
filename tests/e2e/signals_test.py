# SPDX-License-Identifier: Apache-2.0
"""Signals, the stop file, and the exit codes they lead to; result.json says the same."""
import signal

from harness import Case, main

LONG = "train.steps=100000"


class Signals(Case):
    def stop_with(self, act, code, ranks=None, keys=()):
        process = self.start("train", "run.toml", LONG, "train.evaluate_every=0", *keys, ranks=ranks)
        self.wait_for_step(process, 3)
        act(process)
        error = self.finish(process, code)
        self.assertEqual(self.result()["code"], code)
        self.assertEqual(self.result()["step"], self.steps()[-1][0])
        return error

    def test_usr1(self):
        self.stop_with(lambda process: process.send_signal(signal.SIGUSR1), 85)

    def test_usr2(self):
        self.stop_with(lambda process: process.send_signal(signal.SIGUSR2), 85)

    def test_term(self):
        self.stop_with(lambda process: process.send_signal(signal.SIGTERM), 85)

    def test_int(self):
        self.stop_with(lambda process: process.send_signal(signal.SIGINT), 86)

    def test_usr1_to_mpirun(self):
        self.stop_with(lambda process: process.send_signal(signal.SIGUSR1), 85, ranks=4, keys=("mesh.dp=2", "mesh.tp=2"))

    def test_stop_file(self):
        self.stop_with(lambda process: (self.folder / "run" / "stop").touch(), 86, ranks=2, keys=("mesh.dp=2",))

    def test_second_int_stops_at_once(self):
        process = self.start("train", "run.toml", LONG)
        self.wait_for_step(process, 3)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertIn(process.returncode, (-signal.SIGINT, 86))

    def test_budget(self):
        # A step of 8 sequences costs the same every time: a budget of 1.5 steps is reached by the second.
        per_token = float(self.report_of_one_step())
        self.train(LONG, "train.evaluate_every=0", f"accounting.budget={int(per_token * 8 * 32 * 1.5)}", folder="budget", mpi=False, code=87)
        self.assertEqual(self.result("budget")["step"], 2)

    def report_of_one_step(self):
        self.train("train.steps=4", "train.evaluate_every=0", folder="one", mpi=False)
        run = self.report("one")["runs"][0]
        return int(run["flops"]["exact"]["spent"]) / run["tokens"]


main()
