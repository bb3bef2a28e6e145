# SPDX-License-Identifier: Apache-2.0
"""A private Slurm cluster for tests: started once for all classes that want the same one, ended by id. Skips, with the reason, where this machine cannot have one."""
import atexit
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from harness import BINARY, ENVIRONMENT, SOURCE, Case  # noqa: E402

SCRIPT = SOURCE / "tests/cluster/minislurm.sh"


def skip(reason):
    print(f"skipped: {reason}", flush=True)
    raise unittest.SkipTest(reason)


class Cluster:
    """Four nodes of two processors, each with a network of its own where the kernel allows that, else on one host."""

    def __init__(self, nodes=4, gpus=0, extra="", grace=0, accounts=False):
        for program in ("slurmctld", "slurmd", "munged", "srun"):
            if not shutil.which(program) and not os.path.exists(f"/usr/sbin/{program}"):
                skip(f"{program} is not installed (packages slurm-wlm and munge)")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ergon-slurm-", dir="/var/tmp"))
        port = 20000 + os.getpid() % 2000 * 16
        self.environment = dict(ENVIRONMENT, MINISLURM_DIR=str(self.folder), MINISLURM_PORT=str(port), MINISLURM_EXTRA=extra, MINISLURM_GRACE=str(grace),
                                SLURM_CONF=str(self.folder / "etc/slurm.conf"), PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
        self.guarded = self.guard()
        self.accounts = accounts and shutil.which("mariadbd", path=self.environment["PATH"]) is not None
        said = ""
        for self.apart in (True, False):
            done = self.script("start", *(["-s"] if self.apart else []), *(["-a"] if self.accounts else []), "-n", nodes, "-c", 2, "-g", gpus)
            if done.returncode == 0:
                return
            said = (done.stdout + done.stderr).strip().splitlines()[-1:] or ["no message"]
            self.script("stop")
        self.end()
        skip(f"no cluster starts here: {said[0]}")

    def script(self, *words):
        return subprocess.run([str(SCRIPT), *map(str, words)], env=self.environment, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)

    def hosts(self, *words):
        return subprocess.run([str(SCRIPT.parent / "nshosts.sh"), *map(str, words)], env=dict(self.environment, NSHOSTS_DIR=str(self.folder / "hosts")),
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=True)

    def guard(self):
        """Ends the cluster of a test that was killed: a process of its own, which hears this one's end by a pipe that nobody else holds."""
        heard, told = os.pipe()
        ended = 'read -r word || { "$0" stop; rm -rf "$1"; }'
        with os.fdopen(heard) as pipe:
            subprocess.run(["setsid", "--fork", "sh", "-c", ended, SCRIPT, self.folder], env=self.environment, stdin=pipe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        return told

    def end(self):
        self.script("stop")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.write(self.guarded, b"ended\n")
        os.close(self.guarded)


class SlurmCase(Case):
    """A run folder and a corpus a test, on a cluster that the classes of a process share."""
    cluster = None
    options = {}
    started = None  # the options of the cluster that is up
    refused = {}  # options of those that do not start here -> the reason

    @classmethod
    def setUpClass(cls):
        if SlurmCase.started == cls.options:
            return
        if repr(cls.options) in SlurmCase.refused:
            raise unittest.SkipTest(SlurmCase.refused[repr(cls.options)])
        if SlurmCase.cluster is not None:
            SlurmCase.cluster.end()
            atexit.unregister(SlurmCase.cluster.end)
            SlurmCase.cluster = SlurmCase.started = None  # where the next one does not start, this one is not ended twice
        try:
            SlurmCase.cluster = Cluster(**cls.options)
        except unittest.SkipTest as skipped:
            SlurmCase.refused[repr(cls.options)] = str(skipped)
            raise
        SlurmCase.started = cls.options
        atexit.register(SlurmCase.cluster.end)

    def setUp(self):
        start = time.monotonic()
        self.addCleanup(lambda: print(f"{self.id()} took {time.monotonic() - start:.0f} s", flush=True))
        super().setUp()
        self.addCleanup(self.cancel_all)

    def command(self, *words, check=True, timeout=90, cwd=None):
        done = subprocess.run([str(word) for word in words], cwd=cwd or self.folder, env=self.cluster.environment, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        if check:
            self.assertEqual(done.returncode, 0, f"{' '.join(map(str, words))}\n{done.stdout}\n{done.stderr}")
        return done

    def launch(self, *keys, folder="run"):
        """`ergon launch --slurm`; the number of its job."""
        done = self.command(BINARY, "launch", "run.toml", f"run.folder={folder}", *keys, "--slurm")
        return re.match(r"job (\d+) submitted", done.stdout).group(1)

    def script(self, *keys, folder="run"):
        """What `ergon launch --slurm` would submit, for a test to change; with the folder that Slurm writes to."""
        (self.folder / folder / "logs").mkdir(parents=True)
        return self.command(BINARY, "launch", "run.toml", f"run.folder={folder}", *keys, "--slurm", "--dry-run").stdout

    def submit(self, text, folder="run"):
        """A script that was changed, submitted; the number of its job."""
        file = self.folder / folder / "changed.sh"
        file.write_text(text)
        return self.command("sbatch", "--parsable", file).stdout.strip()

    def with_ranks(self, text, words):
        """The script with another program for its ranks, which gets the line of the true one, too, as $TRUE."""
        line = re.search(r"^ +(\S+ train run\.toml .*)\) &$", text, re.M).group(1)
        return text.replace(f" {line}) &", f" {words.replace('$TRUE', line)}) &")

    def output(self, folder="run"):
        """What the scripts of the jobs have said."""
        return "".join(file.read_text() for file in sorted((self.folder / folder / "logs").glob("job_*.out")))

    def pids(self, words, folder="run"):
        """Processes of this test, by how their line begins; another test's run may have the same name."""
        found = []
        for pid in self.command("pgrep", "-f", f"^{words}.* run.folder={folder}( |$)", check=False).stdout.split():
            try:
                if os.path.samefile(f"/proc/{pid}/cwd", self.folder):
                    found.append(int(pid))
            except OSError:
                pass  # it has ended meanwhile
        return found

    def ranks(self, folder="run"):
        return self.pids(f"{BINARY} train", folder)

    def attempts(self, folder="run"):
        """The events of their begins, as far as they are written."""
        try:
            return [event for event in self.lines("events.jsonl", folder) if event["event"] == "attempt"]
        except (OSError, ValueError):
            return []

    def job(self, number):
        line = self.command("scontrol", "-o", "show", "job", number).stdout.splitlines()[0]
        return dict(re.findall(r"(JobState|Restarts|Reason|ExitCode|NumNodes)=(\S+)", line))

    def wait_for(self, what, seconds=150, every=0.2):
        deadline = time.monotonic() + seconds
        while not (got := what()):
            if time.monotonic() > deadline:
                self.fail(f"not within {seconds} s\n{self.story()}")
            time.sleep(every)
        return got

    def wait_state(self, number, *states, seconds=150):
        return self.wait_for(lambda: self.job(number)["JobState"] in states, seconds)

    def wait_step(self, step, folder="run", seconds=150, every=0.2):
        self.wait_for(lambda: self.steps_so_far(folder) >= step, seconds, every)

    @contextlib.contextmanager
    def standing_at(self, step, folder="run"):
        """The run has made that step and comes hardly further until this ends: one of its ranks stands still, so that no machine is too fast for what is done to it in its middle."""
        rank = self.wait_for(lambda: self.ranks(folder), every=0.01)[0]  # known before the first step: to find it takes as long as many of them
        self.wait_step(step, folder, every=0.01)
        os.kill(rank, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(rank, signal.SIGCONT)

    def task_of(self, number):
        """The number of the running task of an array; of any other job its own."""
        return self.command("squeue", "-h", "-t", "RUNNING", "-j", number, "-o", "%A").stdout.split()[0]

    def ask_to_save(self, number, step, folder="run"):
        """USR1 to the script of a job that has made that step, until it is heard: where tasks of an array wait, scancel goes on until they can be told."""
        with self.standing_at(step, folder):
            asking = subprocess.Popen(["scancel", "-b", "-s", "USR1", self.task_of(number)], env=self.cluster.environment, stderr=subprocess.DEVNULL)
            self.addCleanup(self.end, asking)
            self.wait_for(lambda: "the ranks are asked to save" in self.output(folder), every=0.05)

    def steps_so_far(self, folder="run"):
        try:
            return max((number for number, _ in self.steps(folder)), default=0)
        except (OSError, ValueError):
            return 0

    def in_queue(self):
        """Jobs of this test that wait or run: number -> state."""
        lines = [line.split("|", 2) for line in self.command("squeue", "-h", "-o", "%A|%T|%Z").stdout.splitlines()]
        return {number: state for number, state, folder in lines if folder == str(self.folder)}

    def cancel_all(self):
        for number in self.in_queue():
            self.command("scancel", "--quiet", number, check=False)

    def story(self):
        """What jobs and ranks have said: for a test that fails."""
        lines = [self.command("squeue", "-l", check=False).stdout]
        for file in sorted(self.folder.glob("*/logs/**/*")):
            if file.is_file():
                lines.append(f"--- {file.relative_to(self.folder)}\n{file.read_text(errors='replace')[-3000:]}")
        return "\n".join(lines)
