# SPDX-License-Identifier: Apache-2.0
"""Files that somebody made to do harm, HDF5 and JSON: each is refused in one sentence with code 3, in bounded memory and time, and nothing outside the file is read."""
import hashlib
import json
import os
import resource
import shutil
import struct
import subprocess

import h5py
import numpy

from harness import BINARY, ENVIRONMENT, SOURCE, Case, main

MOST_MEMORY = 1 << 20  # KiB, of any process that was started
NAMES = ["/tokens/data", "/tokens/crc32c", "/docs/offsets", "/splits/train", "/splits/valid", "/splits/test", "/tokenizer/model", "/sources"]


def replaced(path, old, new):
    """Bytes of the file itself: shapes that no library writes."""
    data = path.read_bytes()
    assert data.count(old) >= 1, path
    path.write_bytes(data.replace(old, new))


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return f"{crc ^ 0xFFFFFFFF:08x}"


def crc_row(value):
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


CRC_TABLE = [crc_row(byte) for byte in range(256)]


def sign_store(file):
    """Writes the content hash of what the store holds now, by FORMAT.md."""
    attribute = {name: value.decode() if isinstance(value, bytes) else value for name, value in file.attrs.items()}
    names = ("tokenizer_kind", "tokenizer_sha256", "vocab_size", "eod_id", "bos_id", "pad_id", "n_tokens", "n_docs", "crc_block")
    digest = hashlib.sha256(("ergon tokens 1\n" + "".join(f"{name}={attribute[name]}\n" for name in names)).encode())
    for name in NAMES[1:]:
        data = file[name][()].tobytes()
        digest.update(f"{name} {len(data)}\n".encode() + data)
    text = digest.hexdigest()
    uuid = text[:12] + "8" + text[13:16] + "89ab"[int(text[16], 16) & 3] + text[17:32]
    for name, value in (("content_hash", text), ("uuid", "-".join((uuid[:8], uuid[8:12], uuid[12:16], uuid[16:20], uuid[20:])))):
        file.attrs.modify(name, numpy.bytes_(value))


def sign_checkpoint(folder, name):
    """Has the manifest say what the file of this name is now."""
    lines = (folder / "MANIFEST.json").read_text()
    manifest, data = json.loads(lines), (folder / name).read_bytes()
    del manifest["crc32c"]
    for file in manifest["files"]:
        if file["name"] == name:
            file.update(bytes=len(data), crc32c=crc32c(data))
    body = json.dumps(manifest, indent=1)[:-2]
    (folder / "MANIFEST.json").write_text(f'{body},\n "crc32c": "{crc32c(body.encode())}"\n}}\n')


class Attack(Case):
    def hostile(self, change):
        """A sound store to which `change` did something."""
        path = self.folder / "hostile.h5"
        shutil.copyfile(self.folder / "tokens.h5", path)
        with h5py.File(path, "r+", libver=("v110", "v110")) as file:
            change(file)
        return path

    def refused(self, path, said, names=(), walk=True):
        """By name, as a store is opened, and by a walk, as `verify` looks at a shard. Both end as they should."""
        for line in ([f"--names={name}" for name in names or NAMES], []) if walk else ([f"--names={name}" for name in names or NAMES],):
            done = subprocess.run([BINARY, "h5-layout", str(path), *line], env=ENVIRONMENT, capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, 3, (path, line, done.stdout[-300:], done.stderr[-300:]))
            self.assertIn('"error"', done.stdout)
            self.assertRegex(done.stdout, said)
            self.assertNotIn("the secret", done.stdout + done.stderr)
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, MOST_MEMORY)

    def replace_data(self, file):
        del file["tokens/data"]
        return file["tokens"]

    def test_data_elsewhere(self):
        secret = self.folder / "secret.bin"
        secret.write_bytes(b"the secret" * 1000)
        os.mkfifo(self.folder / "pipe")  # whoever opens it waits until the test ends with a failure

        def external(file):
            self.replace_data(file).create_dataset("data", (100,), "u2", external=[(str(self.folder / "pipe"), 0, 200)])

        def linked(file):
            del file["tokens"]
            file["tokens"] = h5py.ExternalLink(str(self.folder / "pipe"), "/tokens")

        def virtual(file):
            layout = h5py.VirtualLayout((100,), "u2")
            layout[:] = h5py.VirtualSource(str(self.folder / "pipe"), "x", (100,))
            self.replace_data(file).create_virtual_dataset("data", layout)

        def soft(file):
            self.replace_data(file)
            file["tokens/data"] = h5py.SoftLink("/docs/offsets")

        self.refused(self.hostile(external), "keeps its data in another file")
        self.refused(self.hostile(linked), "/tokens is not a hard link")
        self.refused(self.hostile(virtual), "is not contiguous")
        self.refused(self.hostile(soft), "/tokens/data is not a hard link")

    def test_sizes_and_types(self):
        def dataset(shape, dtype, **more):
            return lambda file: self.replace_data(file).create_dataset("data", shape, dtype, **more)

        self.refused(self.hostile(dataset((1 << 62,), "u2")), "claims more bytes than the file has")
        self.refused(self.hostile(dataset((1 << 31, 1 << 31), "u2")), "claims more bytes than the file has")
        self.refused(self.hostile(dataset((2,) * 20, "u1")), "has 20 dimensions")
        self.refused(self.hostile(dataset((100,), "u2", chunks=(10,), compression="gzip")), "is not contiguous")
        self.refused(self.hostile(dataset((100,), numpy.dtype([("a", "u2"), ("b", "f8")]))), "of a type that Ergon does not write")
        self.refused(self.hostile(dataset((100,), h5py.string_dtype())), "of a type that Ergon does not write")
        self.refused(self.hostile(dataset((100,), ">u2")), "of a type that Ergon does not write")

        def unknown_filter(file):
            group = self.replace_data(file)
            plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plan.set_chunk((10,))
            plan.set_filter(32999, h5py.h5z.FLAG_OPTIONAL, (1, 2, 3))
            h5py.h5d.create(group.id, b"data", h5py.h5t.STD_U16LE, h5py.h5s.create_simple((100,)), plan)

        self.refused(self.hostile(unknown_filter), "is not contiguous")

    def test_groups(self):
        def cycle(file):
            file["docs/again"] = file["docs"]

        def deep(file):
            group = file["docs"]
            for _ in range(2000):
                group = group.create_group("g")

        def wide(file):
            for number in range(3000):
                file["docs"].create_group(f"g{number}")

        def named_type(file):
            file["docs/type"] = numpy.dtype("f8")

        for change, said in ((cycle, "too deep"), (deep, "too deep"), (named_type, "neither a group nor a dataset")):
            path = self.hostile(change)
            done = subprocess.run([BINARY, "h5-layout", str(path)], env=ENVIRONMENT, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, 3, done.stdout[-300:])
            self.assertIn(said, done.stdout)
        self.assertEqual(subprocess.run([BINARY, "h5-layout", str(self.hostile(wide))], env=ENVIRONMENT, capture_output=True, stdin=subprocess.DEVNULL).returncode, 0)
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, MOST_MEMORY)

    def test_bytes_that_no_library_writes(self):
        def chunked(file):
            self.replace_data(file).create_dataset("data", (7919,), "u2", chunks=(7907,))

        # A division by a chunk of no elements, a shape that overflows, lengths of messages and heaps that lead out of the file: the public shapes of CVEs.
        self.hostile(chunked)
        for old, new in ((struct.pack("<I", 7907), struct.pack("<I", 0)), (struct.pack("<Q", 7919), b"\xff" * 8), (b"OHDR\x02", b"OHDR\xff"), (b"OHDR\x02", b"OHDR\x00"), (b"OCHK", b"OHDR")):
            path = self.folder / "hostile.h5"
            self.hostile(chunked)
            if old not in path.read_bytes():
                continue
            replaced(path, old, new)
            self.refused(path, "error")
        head = (self.folder / "tokens.h5").read_bytes()
        for at, byte in ((8, 99), (9, 0), (9, 255), (10, 0), (10, 255), (11, 255)):  # version, sizes of offsets and lengths, flags of the superblock
            (self.folder / "hostile.h5").write_bytes(head[:at] + bytes([byte]) + head[at + 1:])
            self.refused(self.folder / "hostile.h5", "error", walk=False)
        for value in (0, 8, 1 << 63, (1 << 64) - 1):  # the root group's place: itself, the superblock, far outside
            (self.folder / "hostile.h5").write_bytes(head[:36] + struct.pack("<Q", value) + head[44:])
            self.refused(self.folder / "hostile.h5", "error", walk=False)

    def test_the_trainer_goes_on_to_a_sentence(self):
        def external(file):
            self.replace_data(file).create_dataset("data", (100,), "u2", external=[("/etc/passwd", 0, 200)])

        self.hostile(external)
        for line in (["data", "inspect", "hostile.h5"], ["train", "run.toml", "data.train=hostile.h5"]):
            said = self.ergon(*line, code=3).stderr
            self.assertIn("keeps its data in another file", said)
            self.assertIn("hint", said)
            self.assertNotIn("root:", said)

    def test_json_that_nests_without_end(self):
        # Whoever prints or copies it recurses: 300,000 levels are more than any stack holds. Checksums are those of what is there, so that nothing else is wrong.
        deep = "[" * 300_000 + "]" * 300_000

        def store(sources):
            def change(file):
                del file["sources"]
                file["sources"] = numpy.frombuffer(sources.encode(), "u1")
                sign_store(file)

            return self.hostile(change).name

        self.ergon("data", "inspect", store('{"files": []}'), "--json")
        store(deep)
        for line in (["inspect", "hostile.h5", "--json"], ["merge", "hostile.h5", "-o", "m.h5"], ["split", "hostile.h5", "-o", "s.h5"]):
            self.assertIn("its /sources is no JSON, or nests too deep", self.ergon("data", *line, code=3).stderr)

        shutil.copytree(SOURCE / "tests/golden/huggingface/gpt2", self.folder / "gpt2")
        config = json.loads((self.folder / "gpt2/config.json").read_text())
        (self.folder / "gpt2/config.json").write_text(json.dumps(dict(config, activation_function=0)).replace('"activation_function": 0', f'"activation_function": {deep}'))
        self.assertIn("nests too deep", self.ergon("flops", "gpt2/config.json", code=2).stderr)
        self.assertIn("nests too deep", self.ergon("checkpoint", "import", "gpt2", "--run", "small", "--data", "tokens.h5", code=3).stderr)

        self.ergon("train", "run.toml", "train.steps=1", "optimizer.warmup=0", "train.evaluate_every=0", "checkpoint.every=1")
        checkpoint = next((self.folder / "run/checkpoints").glob("step_*"))
        sign_checkpoint(checkpoint, "provenance.json")
        self.ergon("checkpoint", "inspect", checkpoint, "--json")
        (checkpoint / "provenance.json").write_text(f'{{"schema": {deep}}}')
        sign_checkpoint(checkpoint, "provenance.json")
        for line in (["inspect", checkpoint, "--json"], ["resave", checkpoint, "--canonical", "-o", "canonical"]):
            self.assertIn("nests deeper than 64 levels", self.ergon("checkpoint", *line, code=3).stderr)
        self.assertFalse((self.folder / "canonical").exists())


if __name__ == "__main__":
    main()
