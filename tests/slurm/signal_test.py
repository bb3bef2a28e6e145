# SPDX-License-Identifier: Apache-2.0
"""Signals in each form that a job can get them, the end of its time, and what a cancelled job leaves. Small jobs side by side: most of their time is waiting."""
import os
import re
import signal
import time
import unittest

from cluster import BINARY, SlurmCase
from harness import interrupt, signal_mask

# One node each, so that four run at a time.
KEYS = ("mesh.dp=2", "launch.nodes=1", "launch.ranks_per_node=2", "train.evaluate_every=0", "checkpoint.every=50")
LONG = "train.steps=100000"


class Signals(SlurmCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.limited = cls("test_the_end_of_its_time")  # begun first: it waits for its time while others run
        cls.limited.setUp()
        cls.addClassCleanup(cls.limited.doCleanups)
        cls.limited.begin_with_a_limit()

    def kill(self, number, pids):
        self.assertTrue(pids, self.story())
        os.kill(pids[0], number)  # of srun: the one that started the others

    def forms(self):
        """name -> (further words of the launch, what is done to the job, the code that its ranks end with; None: they are killed)"""
        def scancel(*words):
            return lambda job, folder: self.command("scancel", *words, job)
        return {
            "usr1_steps": ((), scancel("-s", "USR1"), 85),
            "usr1_shell": ((), scancel("-b", "-s", "USR1"), 85),
            "usr1_full": ((), scancel("--full", "-s", "USR1"), 85),
            "usr2_steps": ((), scancel("-s", "USR2"), 85),
            "usr2_shell": ((), scancel("-b", "-s", "USR2"), 85),
            "usr2_full": ((), scancel("--full", "-s", "USR2"), 85),
            "term_steps": ((), scancel("-s", "TERM"), 85),
            "term_shell": ((), scancel("-b", "-s", "TERM"), 85),
            "usr1_srun": ((), lambda job, folder: self.kill(signal.SIGUSR1, self.pids("srun", folder)), 85),
            "usr1_rank": ((), lambda job, folder: self.kill(signal.SIGUSR1, self.ranks(folder)), 85),
            "term_rank": ((), lambda job, folder: self.kill(signal.SIGTERM, self.ranks(folder)), 85),
            "usr1_mpirun": (("--mpirun",), lambda job, folder: self.kill(signal.SIGUSR1, self.pids("mpirun", folder)), 85),
            "usr1_mpirun_shell": (("--mpirun",), scancel("-b", "-s", "USR1"), 85),
            "term_srun": ((), lambda job, folder: self.kill(signal.SIGTERM, self.pids("srun", folder)), None),
            "int_steps": ((), scancel("-s", "INT"), 86),
            "int_rank": ((), lambda job, folder: self.kill(signal.SIGINT, self.ranks(folder)), 86),
        }

    def test_each_form(self):
        forms = self.forms()
        jobs = {name: self.launch(*KEYS, LONG, *words, folder=name) for name, (words, _, _) in forms.items()}
        for name, (_, act, code) in forms.items():
            with self.subTest(form=name):
                self.wait_step(3, name)
                act(jobs[name], name)
                self.wait_for(lambda: "the ranks ended" in self.output(name))
                if code is None:
                    self.assertIn("the ranks ended: code 137, a fresh result.json: no", self.output(name))
                    self.wait_state(jobs[name], "FAILED", seconds=15)
                    continue
                self.assertIn(f"the ranks ended: code {code}, a fresh result.json: yes", self.output(name))
                self.assertEqual((self.result(name)["code"], self.result(name)["step"]), (code, self.steps(name)[-1][0]))
                if code == 85:
                    self.wait_for(lambda: self.job(jobs[name])["Restarts"] == "1", 15)
                else:
                    self.wait_state(jobs[name], "FAILED", seconds=15)
                    self.assertEqual(self.job(jobs[name])["ExitCode"], f"{code}:0")
            if code == 85:
                self.command("scancel", jobs[name])  # after the save: it waits to be started again, and must not be
                cancelled = time.monotonic()
        self.assert_none_comes_back(jobs, cancelled)

    def assert_none_comes_back(self, jobs, cancelled):
        """15 s after the last was cancelled."""
        time.sleep(max(0, cancelled + 15 - time.monotonic()))
        self.assertEqual(self.in_queue(), {}, self.story())
        for name, number in jobs.items():
            self.assertIn(self.job(number)["JobState"], ("CANCELLED", "FAILED"), name)

    def test_a_cancelled_job_stays_cancelled(self):
        jobs = {name: self.launch(*KEYS, LONG, *words, folder=name) for name, words in (("running", ()), ("by_mpirun", ("--mpirun",)))}
        # Cancelled in the moment in which it submits the next one, and killed before it can take that back.
        chains = {}
        for name, late in (("handing_over", ""), ("cut_off", "    sleep 60\n")):
            text = self.script(*KEYS, LONG, "launch.comeback=chain", folder=name).replace("/launch/job.sh", "/changed.sh")
            changed = re.sub(r"^    sbatch --parsable .*\n", lambda line: f'    scancel "$SLURM_JOB_ID"\n{line[0]}{late}', text, count=1, flags=re.M)
            self.assertNotEqual(changed, text)
            chains[name] = self.submit(changed, name)
        text = self.with_ranks(self.script(*KEYS, LONG, folder="saving"), f"{os.environ['ERGON_PROBE']} 1 save 100 hang run.toml run.folder=saving {' '.join(KEYS)} {LONG} checkpoint.asynchronous=false")
        jobs["saving"] = self.submit(text, "saving")
        jobs["waiting"] = self.launch(*KEYS, LONG, "launch.options=[\"--begin=now+1hour\"]", folder="waiting")
        for name, number in chains.items():
            self.wait_step(3, name)
            self.command("scancel", "-b", "-s", "USR1", number)
        for name, number in chains.items():
            self.wait_state(number, "CANCELLED")
        for name in ("running", "by_mpirun"):
            self.wait_step(3, name)
        self.wait_step(100, "saving")
        for number in jobs.values():
            self.command("scancel", number)
        jobs |= chains
        self.assert_none_comes_back(jobs, time.monotonic())
        for name in ("running", "by_mpirun", *chains):
            self.assertEqual(self.result(name)["code"], 85)  # it has saved all the same, in the time that Slurm left it
        for name in chains:
            self.assertEqual(self.output(name).count("] start "), 1, self.output(name))
        self.assertEqual({name: self.job(number)["JobState"] for name, number in jobs.items()}, dict.fromkeys(jobs, "CANCELLED"))
        self.assertFalse((self.folder / "saving/result.json").exists())
        self.ergon("train", "run.toml", "run.folder=saving", "mesh.dp=2", "train.evaluate_every=0", "train.steps=110", "--allow-change", "train.steps", ranks=2)
        self.assertEqual(self.attempts("saving")[-1]["from_step"], 50)  # the save that was cut off does not count

    def test_a_signal_before_the_ranks_can_hear_it_ends_nothing(self):
        number = self.launch(*KEYS, LONG)
        rank = self.wait_for(self.ranks, every=0.01)[0]
        os.kill(rank, signal.SIGSTOP)
        asked = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGINT)
        ignored = signal_mask(rank, "SigIgn")
        self.assertTrue(all(ignored >> number - 1 & 1 for number in asked), "the rank has its handlers already")
        for one in asked:
            os.kill(rank, one)
        os.kill(rank, signal.SIGCONT)
        self.wait_for(lambda: self.steps_so_far() >= 3 or self.job(number)["JobState"] == "FAILED")
        self.assertEqual((self.job(number)["JobState"], self.job(number)["Restarts"]), ("RUNNING", "0"), self.story())

    def test_the_first_moments_of_a_launcher(self):
        # What comes between the fork and the first that srun or mpirun does ends nothing, and what the script has heard the ranks will hear.
        jobs = {}
        for name, words in (("srun", ()), ("mpirun", ("--mpirun",))):
            text = self.script(*KEYS, LONG, *words, folder=name)
            for before, done, sent in (("  child=$!\n", "forked", 'kill -USR1 "$child"; kill -USR2 "$child"; kill -TERM "$child"'), ("\nbegin\n", "begun", "kill -USR1 $$")):
                text = text.replace(before, f'{before}if [ "$restarts" = 0 ] && [ -z "${{{done}-}}" ]; then {done}=yes; {sent}; fi\n', 1)
            jobs[name] = self.submit(text, name)
        for name, number in jobs.items():
            with self.subTest(launcher=name):
                self.wait_for(lambda: "the ranks ended" in self.output(name))
                self.assertIn("the ranks ended: code 85, a fresh result.json: yes", self.output(name))
                self.wait_for(lambda: self.job(number)["Restarts"] == "1", 15)

    def test_second_int_ends_a_job_unsaved(self):
        number = self.launch(*KEYS, LONG)
        self.wait_step(1)
        # One of the two stands still all the time, so that no step of theirs ends.
        first, second = self.ranks()
        os.kill(second, signal.SIGSTOP)
        interrupt(first)
        os.kill(first, signal.SIGSTOP)
        os.kill(second, signal.SIGCONT)
        interrupt(second)
        for rank in (first, second):
            os.kill(rank, signal.SIGINT)
        os.kill(first, signal.SIGCONT)
        self.wait_state(number, "FAILED", "COMPLETED")
        self.assertEqual((self.job(number)["JobState"], self.job(number)["ExitCode"]), ("FAILED", "130:0"), self.story())
        self.assertFalse((self.folder / "run/result.json").exists())
        self.assertEqual(self.in_queue(), {})

    def begin_with_a_limit(self):
        self.whole = self.launch(*KEYS, "train.steps=1000", folder="whole")
        text = self.script(*KEYS, "train.steps=1000", "checkpoint.every=100000", "launch.time=1 min", "launch.warning=5 s")
        # 24 s of its minute are gone before it begins; without a save so far it keeps 35 s for one. In the second between no machine makes a thousand steps.
        self.number = self.submit(text.replace("before=$(outcome)\n", 'before=$(outcome)\n[ "$restarts" -gt 0 ] || sleep 24\n'))

    def test_the_end_of_its_time(self):
        run = self.limited
        run.wait_for(run.attempts)
        run.wait_state(run.number, "COMPLETED", "FAILED", "TIMEOUT")
        self.assertEqual(run.result()["code"], 0, run.story())
        self.assertGreaterEqual(int(run.job(run.number)["Restarts"]), 1)
        ends = [event for event in run.lines("events.jsonl") if event["event"] == "end"]
        self.assertEqual(ends[0]["code"], 85)
        self.assertIn("before the end of its time", ends[0]["reason"])
        run.wait_state(run.whole, "COMPLETED", "FAILED")
        self.assertEqual(run.curve(), run.curve("whole"))  # bit for bit


if __name__ == "__main__":
    unittest.main(verbosity=2)
