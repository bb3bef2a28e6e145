# SPDX-License-Identifier: Apache-2.0
"""Files that leave Ergon and come back, through the program: h5py and h5dump open every HDF5 file that a run, an import, a packing, an export and a resave write; a model of transformers is imported,
trained on by two ranks, and exported again."""
import json
import math
import struct
import subprocess
import unittest

import h5py

import harness
import tensors

GOLDEN = harness.SOURCE / "tests/golden"


def read_safetensors(path):
    """name -> (shape, values); float32 only, with nothing but the standard library."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__")
    found = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        found[name] = (entry["shape"], list(struct.unpack(f"<{math.prod(entry['shape'])}f", data[8 + length + begin:8 + length + end])))
    return found


class OpenFiles(harness.Case):
    def assert_opens(self, path):
        """Every dataset of a file, by h5py; h5dump reads it all without a complaint."""
        found = {}
        with h5py.File(path) as file:
            file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
        dumped = subprocess.run(["h5dump", "-y", "-o", "/dev/null", path], capture_output=True, text=True)
        self.assertEqual((dumped.returncode, dumped.stderr), (0, ""), path)
        self.assertTrue(found, path)
        return found

    def test_every_file_opens(self):
        self.train("train.steps=2", "optimizer.warmup=0", "checkpoint.every=2", mesh="dp=2 tp=2 zero=1")
        checkpoint = next((self.folder / "run/checkpoints").glob("step_00000002*"))
        self.ergon("checkpoint", "resave", "run", "--canonical", "-o", "canonical")
        self.ergon("checkpoint", "export", "run", "-o", "model.h5", "--format", "hdf5")
        self.assert_opens(self.folder / "tokens.h5")
        self.assertEqual(len(list(checkpoint.glob("*.h5"))), 4)
        for shard in checkpoint.glob("*.h5"):
            self.assert_opens(shard)
        whole = tensors.read_tensors(checkpoint)  # by index.json alone
        canonical, model = self.assert_opens(self.folder / "canonical/shard_0000.h5"), self.assert_opens(self.folder / "model.h5")
        self.assertEqual(sorted(canonical), sorted(whole))
        for name, (shape, values) in whole.items():
            self.assertEqual((list(canonical[name].shape), canonical[name].ravel().tolist()), (shape, list(values)), name)
            if name.startswith("parameters/"):
                self.assertEqual(model[name.removeprefix("parameters/")].ravel().tolist(), list(values), name)
        with h5py.File(self.folder / "model.h5") as file:
            self.assertIn('positions = "rotary"', str(file.attrs["model"]))
        for path in [GOLDEN / "tokens.v1.h5", *sorted((GOLDEN / "checkpoint.v1").glob("*.h5"))]:
            self.assert_opens(path)

    def test_every_kind_of_data_opens(self):
        """A packing table, and token stores of version 2: answers of pairs, tables of ids that came from Megatron-LM and nanoGPT."""
        self.ergon("data", "pack", "tokens.h5", "--sequence", "64", "-o", "packing.h5")
        packing = self.assert_opens(self.folder / "packing.h5")
        self.assertEqual(packing["samples/first_piece"][-1], len(packing["pieces/tokens"]))

        (self.folder / "pairs.jsonl").write_text("".join(json.dumps({"prompt": f"{n} + {n} = ", "response": str(2 * n)}) + "\n" for n in range(20)))
        self.ergon("data", "import-pairs", "pairs.jsonl", "-o", "pairs.h5")
        pairs = self.assert_opens(self.folder / "pairs.h5")
        self.assertEqual(len(pairs["docs/answers"]), len(pairs["docs/offsets"]) - 1)
        self.assertGreater(min(pairs["docs/answers"]), 0)

        for system, file in (("megatron", "text_document"), ("nanogpt", "ids.bin")):
            self.ergon("data", "export-ids", "tokens.h5", "-o", file, "--to", system, "--split", "train")
            self.ergon("data", "import-ids", file, "-o", f"{system}.h5", "--vocab", "257", "--eod", "256")
            store = self.assert_opens(self.folder / f"{system}.h5")
            self.assertEqual(json.loads(store["foreign/description"].tobytes())["format"], system)
            with h5py.File(self.folder / f"{system}.h5") as file:
                self.assertEqual(file.attrs["ergon_version"], 2)
        self.assertEqual(store["tokens/data"].tobytes(), (self.folder / "ids.bin").read_bytes())

    def test_a_model_of_transformers_is_trained_on(self):
        # Its vocabulary of 61 holds no store of bytes: ids of digits and blanks are above it, so the model must refuse this store.
        self.ergon("checkpoint", "import", GOLDEN / "huggingface/gpt2", "--run", "small", "--data", "tokens.h5")
        refused = self.ergon("train", "small/config.toml", "train.batch=8", code=2)
        self.assertIn("vocabulary", refused.stderr)
        # A run's own model goes out as Llama, comes in, and two ranks train on from step 0.
        self.train("train.steps=1", "optimizer.warmup=0", "checkpoint.every=1", "train.dtype=float32")
        self.ergon("checkpoint", "export", "run", "-o", "hf")
        self.ergon("checkpoint", "import", "hf", "--run", "tuned", "--data", "tokens.h5")
        self.ergon("checkpoint", "diff", "run", "tuned", "--parameters")
        line = ["train", "tuned/config.toml", "mesh.tp=2", "train.batch=8", "train.steps=2", "train.evaluate_every=0", "optimizer.lr=1e-30", "optimizer.warmup=0"]
        self.ergon(*line, ranks=2)
        self.assertEqual([step for step, _ in self.steps("tuned")], [1, 2])
        self.ergon("checkpoint", "export", "tuned", "-o", "again")  # at that rate no weight moves
        self.assertEqual(read_safetensors(self.folder / "hf/model.safetensors"), read_safetensors(self.folder / "again/model.safetensors"))


if __name__ == "__main__":
    harness.main()
