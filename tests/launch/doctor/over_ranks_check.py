# SPDX-License-Identifier: Apache-2.0
"""`ergon doctor` as the ranks of a job, under mpirun: a sound job, ranks that differ from each other, a rank that never comes, ranks that do not know of each other."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "e2e"))
from harness import BINARY, ENVIRONMENT, TINY  # noqa: E402


class OverRanks(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ergon doctor "))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        (self.folder / "run.toml").write_text(TINY)
        (self.folder / "tokens.h5").write_bytes(bytes(1000))  # nobody trains: it need only be readable

    def call(self, words, code, environment=ENVIRONMENT):
        done = subprocess.run([str(word) for word in words], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def mpirun(self, ranks, *words, code=0):
        return self.call(["mpirun", "-n", ranks, "--oversubscribe", "--bind-to", "none", *words], code)

    def found(self, answer, part):
        return [finding for finding in answer["findings"] if finding["part"] == part]

    def test_a_sound_job(self):
        answer = json.loads(self.mpirun(4, BINARY, "doctor", "run.toml", "mesh.dp=4", "--json").stdout)
        self.assertTrue(answer["usable"])
        self.assertEqual([rank["local_rank"] for rank in answer["ranks"]], [0, 1, 2, 3])
        self.assertEqual(len({rank["binary"] for rank in answer["ranks"]}), 1)
        self.assertEqual(self.found(answer, "mesh")[0]["found"], "dp=4 pp=1 cp=1 tp=1 on 4 ranks")
        self.assertEqual(self.found(answer, "folder")[0]["verdict"], "good")
        self.assertEqual(self.found(answer, "data")[0]["found"], "1 file of 1000 B together, read by every rank")
        self.assertEqual(len({rank["file_sha256"] for rank in answer["ranks"]}), 1)
        self.assertGreater(answer["pairs"][0]["bytes_per_second"], 0)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["run.toml", "tokens.h5"])

    def test_ranks_that_differ(self):
        """Rank 1 has another program, another folder, no data, and may open 100 files; the mesh is another one too."""
        changed = self.folder / "ergon"
        program = pathlib.Path(BINARY).read_bytes()
        note = program.index(b"GNU\0", program.index(b"\x03\0\0\0GNU\0") - 8) + 4  # the build id stands behind its name
        changed.write_bytes(program[:note] + bytes(byte ^ 0xFF for byte in program[note:note + 4]) + program[note + 4:])
        changed.chmod(0o755)
        (self.folder / "mine").mkdir()
        (self.folder / "theirs").mkdir()
        script = 'if [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then ulimit -n 100; cd theirs; exec ../ergon doctor ../run.toml mesh.dp=4 --quick --run .; fi; exec "$0" doctor run.toml mesh.dp=4 --quick --run mine'
        page = self.mpirun(2, "sh", "-c", script, BINARY, code=4).stdout
        self.assertRegex(page, r"broken  binary +rank 0 has \w+, rank 1 has \w+")
        self.assertRegex(page, r"broken  folder +rank 1: in \S.*/theirs a file that rank 0 wrote is not there after \d+ s")
        self.assertRegex(page, r"broken  data +rank 1: data.train 'tokens.h5': does not exist\n +-> put it into a folder that all nodes share")
        self.assertRegex(page, r"poor +limits +rank 1: 100 open files; 1024 leave room\n +-> ulimit -n 4096")
        self.assertRegex(page, r"broken  mesh ")
        self.assertNotIn("same node", page)  # --quick
        self.assertIn("a job on these ranks would fail: binary, data, folder, mesh", page)
        self.assertEqual(list((self.folder / "mine").iterdir()), [])

    def test_a_rank_that_never_comes(self):
        script = 'if [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then exec sleep 60; fi; exec "$0" doctor --patience 2'
        said = self.mpirun(2, "sh", "-c", script, BINARY, code=4).stderr
        self.assertIn("after 2 s still waiting for: all ranks to start", said)

    def test_a_run_file_that_is_wrong_is_said_once(self):
        said = self.mpirun(2, BINARY, "doctor", "run.toml", "model.layers=none", code=2).stderr
        self.assertEqual(said.count("ergon: error:"), 1, said)

    def test_ranks_that_do_not_know_of_each_other(self):
        step = dict(ENVIRONMENT, SLURM_STEP_ID="0", SLURM_STEP_NUM_TASKS="4")
        page = self.call([BINARY, "doctor"], 4, dict(step, SLURM_PROCID="0")).stdout
        self.assertRegex(page, "broken  start +MPI sees one rank, but Slurm started 4 tasks: they do not know of each other\n +-> use --mpi=pmix")
        self.assertEqual(self.call([BINARY, "doctor"], 0, dict(step, SLURM_PROCID="1")).stdout, "")  # one speaks for all
        self.assertEqual(self.call([BINARY, "train", "run.toml"], 4, step).stderr.count("use --mpi=pmix"), 1)
        answer = json.loads(self.call([BINARY, "doctor", "--json"], 4, dict(ENVIRONMENT, PMI_SIZE="3")).stdout)
        self.assertEqual(answer["findings"][0]["found"], "MPI sees one rank, but PMI started 3 ranks: they do not know of each other")


if __name__ == "__main__":
    unittest.main(verbosity=1)
