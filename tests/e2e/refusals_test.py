# SPDX-License-Identifier: Apache-2.0
"""What is wrong is said at once, with the key, the reason and the way out, in the right exit code, and nothing is touched."""
import subprocess

from harness import BINARY, Case, main


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
        self.refused("mesh.pp=3", code=2, says=("mesh.pp", "2 layers"), mpi=False)
        self.refused("mesh.zero=1", code=2, says=("mesh.zero",), mpi=False)
        self.refused("run.device=cuda", code=4, says=("run.device", "hint"), mpi=False)
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

    def test_under_mpirun_one_rank_speaks(self):
        done = self.refused("modle.layers=3", code=2, says=("modle.layers",), mesh="dp=2 tp=1")
        self.assertEqual(done.stderr.count("ergon: error"), 1)
        done = self.refused("data.train=missing.h5", code=3, says=("missing.h5",), mesh="dp=2 tp=2")
        self.assertEqual(done.stderr.count("ergon: error"), 1)

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
