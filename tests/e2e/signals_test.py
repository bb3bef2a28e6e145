# SPDX-License-Identifier: Apache-2.0
"""Signals, the stop file, and the exit codes they lead to; result.json says the same."""
import os
import signal
import subprocess
import time

from harness import ENVIRONMENT, Case, command, interrupt, main

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

    def under_mpirun(self, *options, folder="run"):
        line = ["mpirun", *options, *command(("train", "run.toml", f"run.folder={folder}", LONG, "train.evaluate_every=0", "mesh.dp=2"), 2)[1:]]
        process = subprocess.Popen(line, cwd=self.folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        self.addCleanup(self.end, process)
        self.wait_for_step(process, 3, folder)
        return process

    def test_term_to_mpirun_and_int_are_term_to_its_ranks(self):
        # It gives them so many seconds (`ergon launch` sets them by the time of a save), and ends with 1 whatever they say. Side by side, because it waits first.
        runs = {number: self.under_mpirun("--mca", "odls_base_sigkill_timeout", "4", folder=number.name) for number in (signal.SIGTERM, signal.SIGINT)}
        for number, process in runs.items():
            process.send_signal(number)
        for number, process in runs.items():
            self.finish(process, 1)
            self.assertEqual((self.result(number.name)["code"], self.result(number.name)["step"]), (85, self.steps(number.name)[-1][0]))

    def test_second_int_to_mpirun_ends_the_ranks_unsaved(self):
        process = self.under_mpirun("--mca", "odls_base_sigkill_timeout", "60")
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        self.assertNotEqual(process.returncode, 0)
        self.assertFalse((self.folder / "run" / "result.json").exists())

    def test_one_rank_is_enough(self):
        for number, code in ((signal.SIGUSR1, 85), (signal.SIGTERM, 85), (signal.SIGINT, 86)):
            with self.subTest(number=number):
                process = self.under_mpirun(folder=number.name)
                ranks = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout.split()
                os.kill(int(ranks[1]), number)
                self.finish(process, code)
                self.assertEqual(self.result(number.name)["code"], code)

    def test_save_and_stop_file(self):
        def ask(process):
            save = self.folder / "run" / "save"
            save.touch()
            while save.exists() and process.poll() is None:
                time.sleep(0.02)
            self.wait_for_step(process, self.steps()[-1][0] + 1)  # it goes on
            (self.folder / "run" / "stop").touch()
        self.stop_with(ask, 86, ranks=2, keys=("mesh.dp=2", "checkpoint.every=100000"))
        self.assertEqual(len([event for event in self.lines("events.jsonl") if event["event"] == "save"]), 2)
        self.assertFalse((self.folder / "run" / "stop").exists())

    def test_second_int_stops_at_once(self):
        process = self.start("train", "run.toml", LONG, "train.evaluate_every=0", "train.batch=256", "model.width=128")  # no step ends between the two
        self.wait_for_step(process, 1)
        interrupt(process.pid)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.assertFalse((self.folder / "run" / "result.json").exists())

    def test_the_end_of_the_time_that_was_told(self):
        # 35 s stay for a first save and the end of the ranks.
        end = int(time.time()) + 40
        process = self.start("train", "run.toml", LONG, "train.evaluate_every=0", "--stop-at", end)
        self.finish(process, 85)
        self.assertLess(time.time(), end)
        self.assertEqual((self.result()["code"], self.result()["step"]), (85, self.steps()[-1][0]))
        self.assertIn("time", self.result()["reason"])

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
