# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/tokens.v1.h5, checkpoint.v1/ and formats.v1.json: a token store and a checkpoint of 2 x 2 ranks under ZeRO-1, as version 1 of the formats has them, and what
must be read from them, found out without Ergon (tests/e2e/tensors.py, h5py). They were written once, by the first Ergon that had these formats, and stay as they are: a later
version has to read them. Run as root, with ERGON_BINARY; the host's name is set to `golden` for it."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import h5py

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import tensors  # noqa: E402

CONFIG = """
[run]
folder = "run"
[model]
layers = 1
width = 8
heads = 2
ffn_width = 12
vocabulary = 257
sequence = 8
norm = "rmsnorm"
positions = "none"
mlp = "swiglu"
biases = false
[data]
train = "tokens.h5"
[train]
steps = 2
batch = 4
microbatch = 1
evaluate_every = 0
[optimizer]
lr = 1e-2
[mesh]
dp = 2
tp = 2
zero = 1
"""


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def main():
    with tempfile.TemporaryDirectory(prefix="golden") as name:
        folder = pathlib.Path(name)
        (folder / "corpus").mkdir()
        for n in range(12):
            (folder / f"corpus/{n:02}.txt").write_text(" ".join(str(n * k % 17) for k in range(1, 15)))
        binary, environment = os.environ["ERGON_BINARY"], dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMP_NUM_THREADS="1")
        subprocess.run([binary, "data", "import", "corpus", "-o", "tokens.h5", "--valid", "0.25"], cwd=folder, check=True)
        (folder / "run.toml").write_text(CONFIG)
        line = f"hostname golden && exec mpirun -n 4 --oversubscribe --bind-to none {binary} train run.toml"
        subprocess.run(["unshare", "--uts", "sh", "-c", line], cwd=folder, env=environment, check=True)
        shutil.copy(folder / "tokens.h5", HERE / "tokens.v1.h5")
        shutil.rmtree(HERE / "checkpoint.v1", ignore_errors=True)
        shutil.copytree(folder / "run/checkpoints/step_00000002.a0001", HERE / "checkpoint.v1")

    checkpoint = HERE / "checkpoint.v1"
    golden = {"files": {path.name: sha256(path.read_bytes()) for path in [HERE / "tokens.v1.h5", *sorted(checkpoint.iterdir())]}}
    golden["tensors"] = {name: {"shape": shape, "sha256": sha256(values.tobytes())} for name, (shape, values) in tensors.read_tensors(checkpoint).items()}
    with h5py.File(HERE / "tokens.v1.h5") as store:
        uuid = store.attrs["uuid"]
        golden["store"] = {
            "uuid": uuid if isinstance(uuid, str) else uuid.decode(), "tokens": int(store.attrs["n_tokens"]), "documents": int(store.attrs["n_docs"]),
            "ids_sha256": sha256(store["tokens/data"][:].astype("<i4").tobytes()), "train": store["splits/train"][:].tolist(),
        }
    (HERE / "formats.v1.json").write_text(json.dumps(golden, indent=1) + "\n")


main()
