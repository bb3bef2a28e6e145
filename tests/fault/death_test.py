# SPDX-License-Identifier: Apache-2.0
"""Ranks that die, stop, hang or throw at a planned moment of a run under mpirun (fault_probe.cpp): what is said, what is written, which codes, what is left
behind, and that the same line resumes and ends as a run without trouble does."""
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from harness import BINARY, ENVIRONMENT, Case, main

PROBE = os.environ["ERGON_PROBE"]
KEYS = ["train.steps=16", "train.batch=16", "train.evaluate_every=0", "checkpoint.every=4", "checkpoint.asynchronous=false"]
# A wait longer than this is a hit; long enough for a busy machine, short enough for a test.
LIMITS = ["watchdog.start=60", "watchdog.step=4", "watchdog.checkpoint=10", "watchdog.abort=15"]
LONGEST = 16  # the longest of these limits but the start's, 2 s to ask, 4 s for a busy machine
PATIENT = ["watchdog.step=120", "watchdog.checkpoint=120"]  # nobody dies: a slow disk must not end it
# One microbatch a step: a rank that is gone behind the last sum of one would be missed from the forward of the next.
MESHES = {2: ["mesh.dp=1", "mesh.tp=2", "train.microbatch=16"], 4: ["mesh.dp=2", "mesh.tp=2", "train.microbatch=8"], 8: ["mesh.dp=4", "mesh.tp=2", "train.microbatch=4"]}
WHOLE = {}  # mesh -> curve of a run that nothing happens to
# Said by who finds it, in the name of who waits, and, with what stands behind, by each rank that is told.
MESSAGE = re.compile(r"ergon: error: rank \d+: ranks? (?P<missing>[\d, ]+) (?:is|are) missing from (?P<operation>\w+) (?P<sequence>\d+) on (?P<group>[\w-]+) "
                     r"\((?P<members>ranks [^)]*)\): (?P<tensor>\[[\d, ]+\] \w+|0 x uint8), step (?P<step>\d+) \((?P<part>\w+)\), waited for (?P<waited>[\d.]+) s"
                     r"(?: \(found by rank \d+; this rank waits (?:in \w+ \d+ on [\w-]+|for nobody in step \d+ \(\w+\))\))?$")


# place -> groups that a rank may be missed in, and the parts of a step (or phases) that the message may name
PLACES = {
    "forward": (("tp",), ("forward",)),
    "backward": (("tp", "cp-dp"), ("backward", "update")),  # behind its last sum a rank is missed from the sum of the gradients
    "collective": (("tp", "cp-dp"), ("forward", "backward", "update")),
    "save": (("control",), ("checkpoint",)),
    # While the rank waits in this operation of this group. It has started it, so it is missed from one that follows.
    "cp:all_to_all": (("cp", "cp-dp"), ("forward", "backward", "update")),
    "cp:reduce_scatter": (("cp", "cp-dp"), ("forward", "backward", "update")),
    "pp:recv": (("pp", "pp-gradients"), ("forward", "backward", "update")),
    "pp-gradients:recv": (("pp", "pp-gradients"), ("forward", "backward", "update")),
    "cp-dp:all_gather": (("cp-dp",), ("forward", "backward", "update")),
    "cp-dp:reduce_scatter": (("cp-dp",), ("forward", "backward", "update")),
}


class FaultCase(Case):
    mesh = None  # keys; else that of MESHES

    def keys_of(self, ranks):
        return self.mesh or MESHES[ranks]

    def probe(self, rank, place, step, deed, ranks=4, mpirun=(), keys=(), act=None, timeout=60):
        """Runs a planned end to its end; (exit code of mpirun, its stderr, seconds)."""
        line = ["mpirun", *mpirun, "-n", str(ranks), "--oversubscribe", "--bind-to", "none", PROBE, rank, place, step, deed, "run.toml", "run.folder=run", *self.keys_of(ranks), *KEYS, *LIMITS, *keys]
        start = time.monotonic()
        process = subprocess.Popen([str(word) for word in line], cwd=self.folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        self.addCleanup(self.end, process)
        if act:
            act(process)
        out, err = process.communicate(timeout=timeout)
        self.assert_nothing_left(ranks)
        return process.returncode, out + err, time.monotonic() - start

    def assert_codes(self, codes, rank, place, step, deed, ranks=4, keys=(), act=None):
        """Each rank's own code, seen by a shell around it; mpirun leaves the living alone. Returns what was said."""
        wrapper = self.folder / "wrapper"
        wrapper.write_text('#!/bin/sh\ntrap "" TERM\n"$@"\necho $? > "code.$OMPI_COMM_WORLD_RANK"\n')
        wrapper.chmod(0o755)
        line = ["mpirun", "--enable-recovery", "-n", ranks, "--oversubscribe", "--bind-to", "none", "./wrapper", PROBE, rank, place, step, deed, "run.toml", "run.folder=run", *self.keys_of(ranks), *KEYS, *LIMITS, *keys]
        process = subprocess.Popen([str(word) for word in line], cwd=self.folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        self.addCleanup(self.end, process)
        if act:
            act(process)
        _, err = process.communicate(timeout=60)
        self.assertEqual([(self.folder / f"code.{number}").read_text().strip() for number in range(ranks)], codes, err)
        self.assert_nothing_left(ranks)
        return err

    def processes(self, ranks):
        """rank -> (process, job), as each rank has left it."""
        return {rank: tuple(map(int, (self.folder / f"pid.{rank}").read_text().split())) for rank in range(ranks)}

    def assert_nothing_left(self, ranks):
        for rank, (pid, job) in self.processes(ranks).items():
            deadline = time.monotonic() + 3
            while self.is_ours(pid) and time.monotonic() < deadline:
                time.sleep(0.05)
            self.assertFalse(self.is_ours(pid), f"rank {rank} lives on as process {pid}")
            left = [file.name for file in pathlib.Path("/dev/shm").iterdir() if f".{job:x}." in file.name]
            self.assertEqual(left, [], f"left in /dev/shm of job {job:x}")

    def is_ours(self, pid):
        try:
            return pathlib.Path(f"/proc/{pid}/exe").readlink() == pathlib.Path(PROBE)
        except OSError:
            return False

    def flight(self):
        folders = sorted((self.folder / "run" / "flight").iterdir())
        return {file.name: json.loads(file.read_text()) for file in folders[-1].iterdir() if file.suffix == ".json"}

    def assert_records(self, ranks, missing):
        files = self.flight()
        for rank in set(range(ranks)) - set(missing):
            self.assertIn(f"rank_{rank:05}.json", files)
            record = files[f"rank_{rank:05}.json"]
            self.assertEqual((record["schema"], record["rank"]), ("ergon.flight.v1", rank))
            self.assertTrue(record["operations"] and record["verdict"]["message"])
        verdicts = [file for name, file in files.items() if name.startswith("verdict_")]
        self.assertTrue(verdicts)
        for verdict in verdicts:
            self.assertEqual([rank["rank"] for rank in verdict["missing"]], list(missing))
        return verdicts

    def assert_message(self, err, missing, groups, step, parts=None):
        said = [MESSAGE.search(line) for line in err.splitlines() if "missing from" in line]
        self.assertTrue(said and all(said), err)
        self.assertTrue(all(match["missing"] == ", ".join(map(str, missing)) for match in said), err)
        self.assertTrue(any(match["group"] in groups and int(match["step"]) >= step for match in said), err)
        self.assertTrue(parts is None or {match["part"] for match in said} <= set(parts), err)
        self.assertLess(max(float(match["waited"]) for match in said), LONGEST, err)
        self.assertTrue(all(set(missing) <= set(map(int, re.findall(r"\d+", match["members"]))) for match in said), err)
        return len(said)

    def assert_flight(self, ranks, missing, groups):
        """`ergon flight` comes to the same from the records alone, for ranks that left none."""
        flight = json.loads(self.ergon("flight", "run", "--json").stdout)
        self.assertEqual(flight["schema"], "ergon.flight_comparison.v1")
        self.assertIn(f"rank {missing[0]} is missing from", flight["verdict"])
        self.assertIn(flight["mismatch"]["group"], groups)
        self.assertTrue(flight["mismatch"]["axes"])
        if not flight["without_record"]:  # stopped, and woken up by mpirun to end: what it then did for a moment is left out
            self.assertEqual(flight["mismatch"]["kind"], "missing", flight)
            return self.assertTrue(set(missing) <= set(flight["mismatch"]["late"]), flight["mismatch"])
        self.assertEqual((flight["without_record"], flight["mismatch"]["kind"]), (missing, "missing"), flight)
        self.assertTrue(set(missing) <= set(flight["mismatch"]["late"]), flight["mismatch"])
        self.assertEqual([rank["rank"] for rank in flight["ranks"]], sorted(set(range(ranks)) - set(missing)))
        page = self.ergon("flight", "run").stdout
        self.assertIn(f"no record of rank {missing[0]}", page)
        self.assertRegex(page, r"First mismatch: ranks? [\d, ]+ did not start \w+ \d+ on")

    def assert_resumes(self, ranks):
        """The same line goes on, and ends as a run that nothing happened to."""
        self.ergon("train", "run.toml", "run.folder=run", *self.keys_of(ranks), *KEYS, *PATIENT, ranks=ranks)
        self.assertEqual(self.result("run")["code"], 0)
        mesh = tuple(self.keys_of(ranks))
        if mesh not in WHOLE:
            self.ergon("train", "run.toml", "run.folder=whole", *self.keys_of(ranks), *KEYS, *PATIENT, ranks=ranks)
            WHOLE[mesh] = self.curve("whole")
            shutil.rmtree(self.folder / "whole")
        self.assert_close(self.curve("run"), WHOLE[mesh], 1e-12)

    def die(self, rank, place, deed, ranks=4, step=6, mpirun=(), expected=None):
        for _ in range(4):
            shutil.rmtree(self.folder / "run", ignore_errors=True)
            code, err, seconds = self.probe(rank, place, step, deed, ranks, mpirun)
            if code != 0:
                break  # else the run was over before the rank was found at that place: nobody died
        if not mpirun:
            self.assertIn(code, (5, 137) if deed == "kill" else (5,), err)  # of mpirun: whatever it saw first
        groups, parts = expected or PLACES[place]
        said = self.assert_message(err, [rank], groups, step, parts)
        if deed == "stop" and not mpirun:  # else mpirun ends the others while they speak
            self.assertGreaterEqual(said, ranks - 1, err)  # every living rank, and the stopped one if mpirun wakes it up to end
        for verdict in self.assert_records(ranks, [rank]):
            self.assertIn(verdict["operation"]["phase"], parts)
        self.assert_flight(ranks, [rank], groups)
        self.assertLess(seconds, 40)
        self.assert_resumes(ranks)


class Death(FaultCase):
    def test_killed_in_a_collective(self):
        self.die(3, "collective", "kill")

    def test_killed_in_a_forward_rank_0(self):
        self.die(0, "forward", "kill", ranks=2)

    def test_killed_in_a_save(self):
        self.die(1, "save", "kill")

    def test_stopped_in_a_collective_of_8(self):
        self.die(5, "collective", "stop", ranks=8)

    def test_stopped_in_a_backward_rank_0(self):
        self.die(0, "backward", "stop")

    def test_stopped_in_a_save_rank_0(self):
        self.die(0, "save", "stop", ranks=2)

    def test_the_living_end_with_5(self):
        err = self.assert_codes(["5", "5", "137", "5"], 2, "collective", 6, "kill")
        self.assertEqual(self.assert_message(err, [2], ("tp", "cp-dp"), 6), 3, err)  # each of the living
        self.assert_records(4, [2])


AXES = {  # of two ranks each
    "ring": ["mesh.cp=2", "train.microbatch=8"],
    "ulysses": ["mesh.cp=2", "mesh.attention=ulysses", "train.microbatch=8"],
    "gather": ["mesh.cp=2", "mesh.attention=gather_kv", "train.microbatch=8"],
    "pipeline": ["mesh.pp=2", "train.microbatch=4"],
    "zero_bubble": ["mesh.pp=2", "mesh.schedule=zero_bubble", "train.microbatch=4"],
    "zero_3": ["mesh.dp=2", "mesh.zero=3", "train.microbatch=4"],
}


# Where a rank that computes is missed: a hop of a ring is over before anybody waits for it long, so rings are met there.
COMPUTING = (("cp", "cp-dp"), ("forward", "backward", "update"))


class Axes(FaultCase):
    """The new collectives and both new axes, one death each."""
    def die_on(self, axis, rank, place, deed):
        self.mesh = AXES[axis]
        self.die(rank, place, deed, ranks=2, expected=None if ":" in place else COMPUTING)

    def test_killed_in_a_ring(self):
        self.die_on("ring", 1, "forward", "kill")

    def test_stopped_in_a_ring_rank_0(self):
        self.die_on("ring", 0, "forward", "stop")

    def test_killed_in_a_head_exchange_rank_0(self):
        self.die_on("ulysses", 0, "cp:all_to_all", "kill")

    def test_stopped_in_a_head_exchange(self):
        self.die_on("ulysses", 1, "cp:all_to_all", "stop")

    def test_killed_before_an_activation_comes(self):
        self.die_on("pipeline", 1, "pp:recv", "kill")

    def test_stopped_before_a_gradient_comes_rank_0(self):
        self.die_on("pipeline", 0, "pp-gradients:recv", "stop")

    def test_killed_in_a_gather_of_weights_rank_0(self):
        self.die_on("zero_3", 0, "cp-dp:all_gather", "kill")

    def test_stopped_in_a_gather_of_weights(self):
        self.die_on("zero_3", 1, "cp-dp:all_gather", "stop")


class Stop(FaultCase):
    def after(self, seconds, number, ranks, to_ranks=None, step=5):
        """Sends a signal once the run has made a step, to the given ranks or to all."""
        def act(process):
            self.wait_for_step(process, step)  # the step of the deed never ends
            time.sleep(seconds)
            for rank, (pid, _) in self.processes(ranks).items():
                if to_ranks is None or rank in to_ranks:
                    os.kill(pid, number)
        return act

    def test_term_with_a_stopped_rank(self):
        # Far below the limit of a step: the stop makes the watchdog ask at once.
        code, err, seconds = self.probe(1, "collective", 6, "stop", keys=["watchdog.step=600"], act=self.after(1, signal.SIGTERM, 4, {0, 2, 3}))
        self.assertEqual(code, 5, err)
        self.assert_message(err, [1], ("tp", "cp-dp"), 6)
        self.assert_records(4, [1])
        self.assertFalse((self.folder / "run" / "result.json").exists())
        self.assert_resumes(4)

    def test_term_with_a_rank_that_hangs(self):
        code, err, seconds = self.probe(1, "agreement", 6, "hang", keys=["watchdog.step=600"], act=self.after(1, signal.SIGTERM, 4))
        self.assertEqual(code, 5, err)
        self.assertIn("rank 1 is alive in step", err)
        self.assert_records(4, [1])
        self.assert_resumes(4)

    def test_term_with_all_alive_saves(self):
        # At any moment of a step, most of which is collectives; each rank ends with 85, and the line goes on from that step, twice.
        step = 5
        for attempt in (1, 2):
            self.assert_codes(["85"] * 4, 0, "nowhere", 6, "none", keys=["train.steps=100000"], act=self.after(0, signal.SIGTERM, 4, step=step))
            step = self.result()["step"] + 1
            self.assertEqual((self.result()["code"], self.result()["attempt"]), (85, attempt))
            self.assertFalse((self.folder / "run" / "flight").exists())
        first, second = [event["from_step"] for event in self.lines("events.jsonl") if event["event"] == "attempt"]
        steps = [step for step, _ in self.steps()]
        self.assertEqual(steps, list(range(1, len(steps) + 1)))  # none twice: the save was of the last step
        self.assertEqual(first, 0)
        self.assertGreaterEqual(second, 5)


class OneRank(FaultCase):
    def test_throws_an_error(self):
        err = self.assert_codes(["3"] * 4, 2, "agreement", 6, "error")
        self.assertEqual(err.count("this rank cannot go on"), 1, err)
        self.assert_told(4, 2, "this rank cannot go on")
        self.assert_resumes(4)

    def test_meets_a_bug(self):
        err = self.assert_codes(["70"] * 2, 1, "agreement", 6, "bug", ranks=2)
        self.assertEqual(err.count("a bug in Ergon"), 1, err)
        self.assert_told(2, 1, "a bug in Ergon")
        self.assert_resumes(2)

    def test_is_late_to_begin(self):
        late = self.folder / "late"
        late.write_text('#!/bin/sh\n[ "$OMPI_COMM_WORLD_RANK" = 0 ] || sleep 60\nexec "$@"\n')
        late.chmod(0o755)
        line = ["mpirun", "-n", "2", "--oversubscribe", "--bind-to", "none", "./late", BINARY, "train", "run.toml", "run.folder=run", *self.keys_of(2)]
        done = subprocess.run(line, cwd=self.folder, env=dict(ENVIRONMENT, ERGON_START_LIMIT="2 s"), capture_output=True, text=True, timeout=50, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("ergon: error: rank 0 of 2 has waited 2 s for the others to begin\n  hint: ", done.stderr)
        self.assertFalse((self.folder / "run").exists())

    def assert_told(self, ranks, failed, message):
        files = self.flight()
        for rank in set(range(ranks)) - {failed}:
            self.assertIn(message, files[f"rank_{rank:05}.json"]["verdict"]["message"])

    def test_hangs(self):
        code, err, _ = self.probe(1, "agreement", 6, "hang")
        self.assertEqual(code, 5, err)
        self.assert_message(err, [1], ("tp", "cp-dp", "control"), 6)
        self.assertIn("rank 1 is alive in step", err)
        self.assert_records(4, [1])
        mismatch = json.loads(self.ergon("flight", "run", "--json").stdout)["mismatch"]
        self.assertEqual((mismatch["kind"], mismatch["group"], mismatch["late"]), ("missing", "control", [1]))
        self.assertRegex(self.ergon("flight", "run").stdout, r"rank 1 +not started, waits for nobody in step \d+ \(update\)")
        self.assert_resumes(4)

    def test_full_disk_in_a_save(self):
        # A save that fails is said and the run goes on; the next one succeeds.
        code, err, _ = self.probe(1, "save", 4, "full")
        self.assertEqual(code, 0, err)
        self.assertEqual(len([line for line in self.lines("events.jsonl") if line["event"] == "save_failed"]), 1)
        self.assertEqual(self.result()["code"], 0)

    def test_full_disk_in_the_last_save(self):
        code, err, _ = self.probe(1, "save", 16, "full")
        self.assertEqual(code, 3, err)
        self.assertIn("no space left on device", err)
        self.assertEqual((self.result()["code"], self.result()["step"]), (3, 16))
        self.assert_resumes(4)

    def test_loss_that_is_not_finite(self):
        # On one rank, and not rank 0, which tells the loss; in other sums of the loss than rank 0's.
        self.assert_codes(["86"] * 4, 1, "loss", 6, "nan")
        self.assertEqual((self.result()["code"], self.result()["step"]), (86, 15))
        self.assertEqual([event["step"] for event in self.lines("events.jsonl") if event["event"] == "step" and event["skipped"]], list(range(6, 16)))
        self.assertEqual([event["step"] for event in self.lines("events.jsonl") if event["event"] == "save"], [4])
        self.assert_resumes(4)

    def test_loss_that_is_not_finite_once(self):
        self.assert_codes(["0"] * 4, 3, "loss", 6, "nan_once")
        self.assertEqual([event["step"] for event in self.lines("events.jsonl") if event["event"] == "step" and event["skipped"]], [6])
        self.assertEqual(self.result()["code"], 0)


class EveryRank:
    """Each rank, killed and stopped, at each place that a run of these meshes comes to."""
    ranks = 0
    places = ("forward", "backward", "collective", "save")

    def test_matrix(self):
        failures = []
        for place, deed, rank in itertools.product(self.places, ("kill", "stop"), range(self.ranks)):
            case = f"{self.ranks} ranks: {deed} {rank} in {place}"
            try:
                self.die(rank, place, deed, ranks=self.ranks)
                print(case, flush=True)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                failures.append(case)
                print(f"{case}: FAILED: {error}", flush=True)
        self.assertEqual(failures, [])


class EveryRankOf2(EveryRank, FaultCase):
    ranks = 2


class EveryRankOf4(EveryRank, FaultCase):
    ranks = 4


class EveryRankOf8(EveryRank, FaultCase):
    ranks = 8


class EveryRankOfEveryAxis(FaultCase):
    """Both ranks of each of the meshes above, killed and stopped, in each of their operations."""
    def test_matrix(self):
        places = {"ring": ["forward", "backward"], "ulysses": ["cp:all_to_all"], "gather": ["cp:reduce_scatter"],
                  "zero_3": ["cp-dp:all_gather", "cp-dp:reduce_scatter", "overlap", "backward"]}
        failures = []
        for axis, deed, rank in itertools.product(AXES, ("kill", "stop"), range(2)):
            stage = ["pp-gradients:recv" if rank == 0 else "pp:recv"]
            self.mesh = AXES[axis]
            for place in places.get(axis, stage):
                case = f"{axis}: {deed} {rank} in {place}"
                try:
                    self.die(rank, place, deed, ranks=2, expected=None if ":" in place else COMPUTING)
                    print(case, flush=True)
                except (AssertionError, subprocess.TimeoutExpired) as error:
                    failures.append(case)
                    print(f"{case}: FAILED: {error}", flush=True)
        self.assertEqual(failures, [])


main()
