# SPDX-License-Identifier: Apache-2.0
"""What is wrong is said at once, with the key, the reason and the way out, in the right exit code, and nothing is touched."""
import os
import subprocess

from harness import BINARY, ENVIRONMENT, Case, main

GPU = os.path.exists("/proc/driver/nvidia/version")


class Refusals(Case):
    def refused(self, *overrides, code, says, mesh="dp=1 tp=1", **rest):
        done = self.train(*overrides, mesh=mesh, code=code, **rest)
        for word in says:
            self.assertIn(word, done.stderr)
        return done

    def test_configuration(self):
        self.refused("modle.layers=3", code=2, says=("modle.layers", "model.layers"), mpi=False)
        self.refused("train.batch=9", "train.microbatch=2", code=2, says=("train.batch", "microbatch"), mpi=False)
        self.refused("train.dtype=float33", code=2, says=("train.dtype", "float64"), mpi=False)
        self.refused("mesh.pp=3", code=2, says=("mesh.pp", "model.layers = 2"), mpi=False)
        self.refused("mesh.zero=2", code=2, says=("mesh.zero",), mpi=False)
        self.refused("run.deterministic=true", "run.device=cuda", "mesh.tp=4", code=2, says=("run.deterministic", "mesh.tp to 2"), mpi=False)
        self.refused("run.device=cuda", code=4, says=("run.device", "hint"), mpi=False)
        self.refused("mesh.attention=ulysses", code=2, says=("mesh.attention", "mesh.cp to 2 or more"), mpi=False)
        self.refused("mesh.layout=striped", code=2, says=("mesh.layout", "mesh.cp to 2 or more"), mpi=False)
        self.refused("mesh.schedule=gpipe", code=2, says=("mesh.schedule", "mesh.pp to 2 or more"), mpi=False)
        self.refused("mesh.zero=1", code=2, says=("mesh.zero = 0", "mesh.dp or mesh.cp to 2 or more"), mpi=False)
        self.refused("mesh.zero=3", 'mesh.bucket="1 MiB"', code=2, says=("mesh.bucket", "mesh.zero = 1"), mpi=False)
        self.refused("mesh.sequence_parallel=true", code=2, says=("mesh.sequence_parallel", "mesh.tp"), mpi=False)
        self.assertFalse((self.folder / "run").exists())

    def test_values_that_name_nothing(self):
        self.refused("data.train=[]", code=2, says=("data.train is missing", "override"), mpi=False)
        self.assertIn("run.folder takes the name of a folder", self.ergon("train", "run.toml", "run.folder=", code=2).stderr)
        self.refused("--allow-change", "xyzzy", code=2, says=("xyzzy", "lists all keys"), mpi=False)

    def test_answers_that_cannot_be_written(self):
        for words in (("version",), ("flops", "gpt2-124m", "--json"), ("data", "inspect", "tokens.h5"), ("train", "--help")):
            with open("/dev/full", "w") as full, self.subTest(words=words):
                done = subprocess.run([BINARY, *words], cwd=self.folder, stdout=full, stderr=subprocess.PIPE, text=True)
                self.assertEqual(done.returncode, 3)
                self.assertIn("could not be written", done.stderr)

    def test_heads_that_do_not_divide(self):
        self.refused(code=2, says=("mesh.tp", "heads"), mesh="dp=1 tp=8")

    def test_data(self):
        self.refused("data.train=missing.h5", code=3, says=("missing.h5",), mpi=False)
        self.refused("data.train=corpus.txt", code=3, says=("corpus.txt",), mpi=False)
        self.refused("model.vocabulary=100", code=2, says=("model.vocabulary", "data.train"), mpi=False)
        self.refused("model.sequence=100000", code=3, says=("data.train",), mpi=False)

    def test_world(self):
        self.ergon("train", "run.toml", "mesh.dp=2", ranks=3, code=4)
        self.ergon("train", "run.toml", "mesh.dp=2", code=4)

    def test_start_limit(self):
        for limit in ("soon", "0", "-3"):
            done = subprocess.run([BINARY, "train", "run.toml"], cwd=self.folder, env=dict(ENVIRONMENT, ERGON_START_LIMIT=limit), capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
            self.assertIn(f"ergon: error: ERGON_START_LIMIT: '{limit}' is not a time longer than 0\n  hint: ", done.stderr)

    def test_under_mpirun_one_rank_speaks(self):
        done = self.refused("modle.layers=3", code=2, says=("modle.layers",), mesh="dp=2 tp=1")
        self.assertEqual(done.stderr.count("ergon: error"), 1)
        done = self.refused("data.train=missing.h5", code=3, says=("missing.h5",), mesh="dp=2 tp=2")
        self.assertEqual(done.stderr.count("ergon: error"), 1)

    def test_device_that_is_not_here(self):
        if GPU:
            return print("skipped: this machine has a driver")
        # Whatever is missing first: the library, what it loads, the driver. One sentence with its cure, once for all ranks, and nothing begun.
        for mpi, mesh in ((False, "dp=1 tp=1"), (True, "dp=2 tp=1")):
            done = self.refused("run.device=cuda", code=4, says=("ergon: error: run.device: ", "\n  hint: "), mesh=mesh, mpi=mpi)
            self.assertEqual(done.stderr.count("ergon: error"), 1)
            self.assertRegex(done.stderr, "libergon_cuda.so is not there|libergon_cuda.so does not load: .*: cannot open shared object file|no NVIDIA driver answers")
            self.assertRegex(done.stderr, 'ERGON_CUDA=on launch/build.sh|launch/setup.sh --cuda|install the driver')
            self.assertIn('or set run.device = "cpu"', done.stderr)
        self.assertFalse((self.folder / "run").exists())

    def test_a_rank_that_is_alone_says_its_error_and_nothing_else(self):
        store = self.folder / "tokens.h5"
        with open(store, "r+b") as file:  # of the tokens, which are most of it
            file.seek(store.stat().st_size // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))
        done = self.refused("train.steps=60", code=3, says=("tokens.h5",), mpi=False)
        with_typo = subprocess.run([BINARY, "train", "run.toml", "run.device=cuda"], cwd=self.folder, env=dict(ENVIRONMENT, ERGON_SHARE_GPU="yes"), capture_output=True, text=True)
        self.assertEqual(with_typo.returncode, 2)
        self.assertIn("ERGON_SHARE_GPU is 'yes'", with_typo.stderr)
        for text in (done.stderr, with_typo.stderr):
            self.assertEqual(text.count("ergon: error"), 1)
            self.assertNotIn("MPI_ABORT", text)

    def test_usage(self):
        self.assertIn("train", self.ergon("trian", code=2).stderr)
        self.ergon("train", code=2)
        self.assertIn("optimizer.lr", self.ergon("train", "--help").stdout)
        self.ergon("generate", "run", "--tokens", "0", code=2)
        self.ergon("generate", "run", "--temperature", "nan", code=2)
        self.ergon("generate", "run", "--threads", "99999999999", code=2)
        self.ergon("generate", "nowhere", code=3)
        self.ergon("report", "nowhere", code=3)
        self.ergon("checkpoint", "list", "nowhere", code=3)


main()
