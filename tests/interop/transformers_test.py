# SPDX-License-Identifier: Apache-2.0
"""What Ergon exports, as transformers computes it, and what transformers saves, as Ergon computes it: every tensor random, logits of a standard deviation of about 5, sequences
of full length. Each tensor is then dropped and turned round: none may go unnoticed. Prints the largest differences that it saw."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pinned


def fail(reason):
    sys.exit(f"pip cannot fetch transformers: {reason}")


pinned.run_in("interop", "requirements.txt", __file__, fail)

import unittest  # noqa: E402

import numpy  # noqa: E402
import safetensors.torch  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

transformers.logging.set_verbosity_error()
torch.set_num_threads(1)
SEQUENCE, VOCABULARY = 48, 257
SIZES = [f"layers=3", "width=64", "heads=4", "ffn_width=96", f"vocabulary={VOCABULARY}", f"sequence={SEQUENCE}"]
SMALL = ["layers=2", "width=16", "heads=4", "ffn_width=24", f"vocabulary={VOCABULARY}", "sequence=12"]
LLAMA = ["norm=rmsnorm", "positions=rotary", "mlp=swiglu", "biases=false"]
MODELS = {
    "gpt2 tied": ["tied=true"],
    "gpt2 untied": ["tied=false"],
    "llama untied grouped": LLAMA + ["kv_heads=2", "tied=false"],
    "llama tied grouped": LLAMA + ["kv_heads=2", "tied=true", "rope_theta=5e5"],
    "llama multi-head": LLAMA + ["tied=false", "norm_epsilon=1e-6"],
    "llama multi-query biases": LLAMA[:3] + ["kv_heads=1", "biases=true", "tied=false", "head_width=24"],
}
WORST = {}


def ergon(*arguments):
    result = subprocess.run([os.environ["ERGON_BINARY"], *map(str, arguments)], capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(result.stderr)
    return result.stdout


def probe(*arguments):
    subprocess.run([os.environ["ERGON_PROBE"], *map(str, arguments)], check=True, stdout=subprocess.PIPE)


def tokens_of(length):
    return torch.randint(0, VOCABULARY, (length,), generator=torch.Generator().manual_seed(length)).tolist()


def ours(run, tokens):
    with tempfile.TemporaryDirectory() as folder:
        probe("logits", run, f"{folder}/logits", *tokens)
        return torch.from_numpy(numpy.fromfile(f"{folder}/logits").reshape(len(tokens), -1))


def load(folder, dtype):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()


def theirs(model, tokens):
    with torch.no_grad():
        return model(torch.tensor([tokens])).logits[0].double()


def distance(a, b):
    return ((a - b).abs().max() / b.abs().max()).item()


class Transformers(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)

    def see(self, what, difference, limit):
        WORST[what] = max(WORST.get(what, 0), difference)
        self.assertLessEqual(difference, limit, what)

    def make(self, keys, dtype, sizes=SIZES):
        run = self.root / f"run-{len(list(self.root.iterdir()))}"
        probe("make", run, dtype, *sizes, *keys)
        return run

    def test_exports_compute_the_same(self):
        tokens = tokens_of(SEQUENCE)
        for name, keys in MODELS.items():
            for dtype in ["float32"] + ["float64"] * name.startswith("gpt2"):
                with self.subTest(name, dtype=dtype):
                    run = self.make(keys, dtype)
                    folder = f"{run}-hf"
                    ergon("checkpoint", "export", run, "-o", folder)
                    expected, model = ours(run, tokens), load(folder, getattr(torch, dtype))
                    self.assertTrue(3 < expected.std() < 8, expected.std())
                    self.see(f"export {name} {dtype}", distance(theirs(model, tokens), expected), 1e-10 if dtype == "float64" else 1e-5)

    def test_formats_hold_the_same(self):
        for keys in (MODELS["gpt2 tied"], MODELS["llama untied grouped"]):
            run = self.make(keys, "float32")
            one = f"{run}-one"
            ergon("checkpoint", "export", run, "-o", one)
            expected = safetensors.torch.load_file(f"{one}/model.safetensors")
            ergon("checkpoint", "export", run, "-o", f"{run}-cut", "--shard-size", "50 kB")
            ergon("checkpoint", "export", run, "-o", f"{run}-pt", "--format", "pt")
            state = torch.load(f"{run}-pt/pytorch_model.bin", weights_only=True)
            self.assertEqual(list(state), sorted(expected))
            tokens = tokens_of(SEQUENCE)
            logits = theirs(load(one, torch.float32), tokens)
            for other in (f"{run}-cut", f"{run}-pt"):
                self.assertTrue(torch.equal(theirs(load(other, torch.float32), tokens), logits), other)
            for name, tensor in expected.items():
                self.assertTrue(torch.equal(state[name], tensor), name)
            ergon("checkpoint", "export", run, "-o", f"{run}-half", "--dtype", "bfloat16")
            for name, tensor in safetensors.torch.load_file(f"{run}-half/model.safetensors").items():
                self.assertTrue(torch.equal(tensor, expected[name].bfloat16()), name)

    def test_no_tensor_goes_unnoticed(self):
        tokens = tokens_of(12)
        for name in ("gpt2 tied", "gpt2 untied", "llama untied grouped", "llama tied grouped"):
            run = self.make(MODELS[name], "float32", SMALL)
            folder = pathlib.Path(f"{run}-hf")
            ergon("checkpoint", "export", run, "-o", folder)
            expected = ours(run, tokens)
            file = folder / "model.safetensors"
            tensors = safetensors.torch.load_file(file)
            mutations = 0
            for mutated in tensors:
                for change in ("drop", "transpose"):
                    changed = dict(tensors)
                    value = changed.pop(mutated)
                    if change == "transpose":
                        if value.dim() < 2:
                            continue
                        changed[mutated] = value.T.contiguous()
                    safetensors.torch.save_file(changed, file, metadata={"format": "pt"})
                    try:
                        difference = distance(theirs(load(folder, torch.float32), tokens), expected)
                    except (RuntimeError, ValueError):
                        difference = float("inf")  # transformers refuses another shape
                    self.assertGreater(difference, 1e-3, f"{name}: {change} {mutated}")
                    mutations += 1
            print(f"{name}: {mutations} tensors dropped or transposed, each seen")

    def test_imports_compute_the_same(self):
        tokens = tokens_of(SEQUENCE)
        for name, keys in MODELS.items():
            for dtype in (torch.float32, torch.bfloat16, torch.float16):
                run = self.make(keys, "float32")
                ergon("checkpoint", "export", run, "-o", f"{run}-hf")
                model = load(f"{run}-hf", dtype)
                model.save_pretrained(f"{run}-saved", max_shard_size="50KB")
                ergon("checkpoint", "import", f"{run}-saved", "--run", f"{run}-again")
                self.see(f"import {name} {dtype}", distance(ours(f"{run}-again", tokens), theirs(model.float(), tokens)), 1e-5 if dtype == torch.float32 else 2e-5)  # rounded weights: larger logits part further

    def test_there_and_back_is_the_identity(self):
        for name, keys in MODELS.items():
            run = self.make(keys, "float32")
            ergon("checkpoint", "export", run, "-o", f"{run}-hf")
            ergon("checkpoint", "import", f"{run}-hf", "--run", f"{run}-again")
            ergon("checkpoint", "export", run, "-o", f"{run}.h5", "--format", "hdf5")
            ergon("checkpoint", "import", f"{run}.h5", "--run", f"{run}-h5")
            for other in ("again", "h5"):
                difference = json.loads(ergon("checkpoint", "diff", run, f"{run}-{other}", "--parameters", "--json"))
                self.assertTrue(difference["equal"], name)


if __name__ == "__main__":
    program = unittest.main(exit=False, verbosity=2)
    print(f"transformers {transformers.__version__}, torch {torch.__version__}; largest difference of logits / largest logit:")
    for what, difference in sorted(WORST.items()):
        print(f"  {what:<45} {difference:.2e}")
    sys.exit(not program.result.wasSuccessful())
