# SPDX-License-Identifier: Apache-2.0
"""Ergon's tokenizers against the packages they come from, on published vocabularies: equal ids for 10,000 texts over all planes of Unicode, for every code
point, and for every code point beside letters, digits and spaces; and the speed of both in one run.

tokenizers_test.py [COUNT [STEP]]: so many texts (10000), each STEP-th code point among neighbours (1). The packages and the vocabularies are fetched once,
pinned by SHA-256, into .venv-tokenizers of the checkout; without a network the test says so and skips.
"""
import hashlib
import json
import os
import pathlib
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile

SOURCE = pathlib.Path(os.environ["ERGON_SOURCE"])
PROBE, BINARY = os.environ["ERGON_PROBE"], os.environ["ERGON_BINARY"]
ENVIRONMENT = SOURCE / ".venv-tokenizers"
PYTHON = ENVIRONMENT / "bin/python"
ARCHIVES = {  # name: (pip's arguments, SHA-256 of what it brings)
    "openai-whisper": (["--no-build-isolation", "--no-binary", ":all:", "openai-whisper==20250625"], "37a91a3921809d9f44748ffc73c0a55c9f366c85a3ef5c2ae0cc09540432eb96"),
    "litellm": (["--only-binary", ":all:", "--platform", "manylinux_2_28_x86_64", "litellm==1.110.2"], "9d94d1c7d524b6fd10c14f9c8c6c4f0ac31705f9964ac59dcfd8337c046d8917"),
}
LITELLM = "litellm/litellm_core_utils/tokenizers/"
FILES = {  # name: (archive, path inside it, SHA-256)
    "gpt2.tiktoken": ("openai-whisper", "openai_whisper-20250625/whisper/assets/gpt2.tiktoken", "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"),
    "p50k_base.tiktoken": ("litellm", LITELLM + "ec7223a39ce59f226a68acc30dc1af2788490e15", "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069"),
    "cl100k_base.tiktoken": ("litellm", LITELLM + "9b5ad71b2ce5302211f9c61530b329a4922fc6a4", "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"),
    "o200k_base.tiktoken": ("litellm", LITELLM + "fb374d419588a4632f3f557e76b4b70aebbca790", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"),
    "anthropic.json": ("litellm", LITELLM + "anthropic_tokenizer.json", "c241737df24b4e7f7c9af4fdcee29a0ca903dcb288a8b753bc346a3092911767"),
    "deepseek.json": ("litellm", LITELLM + "deepseek_tokenizer.json", "4607b3d1929c5ca263a81d7153c6d6ecdbc71c9e933c0fb2df2abf181bf6df61"),
}


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def fetch(*command):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        skip(f"{command[0]} cannot fetch what this test compares with: {done.stdout.strip().splitlines()[-1:]}")


def checked(path, sha256):
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise SystemExit(f"{path}: SHA-256 {found}, not {sha256}")
    return path


def prepare():
    """The packages and the vocabularies, fetched when they are not there."""
    files = ENVIRONMENT / "files"
    if (ENVIRONMENT / "complete").is_file():
        return
    fetch(os.environ["ERGON_PYTHON"], "-m", "venv", "--clear", ENVIRONMENT)
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    fetch(*pip, "install", "-q", "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", SOURCE / "tests/interop/tokenizers_requirements.txt")
    files.mkdir()
    for name, (arguments, sha256) in ARCHIVES.items():
        with tempfile.TemporaryDirectory() as folder:
            fetch(*pip, "download", "-q", "--no-deps", "-d", folder, *arguments)
            archive = checked(next(pathlib.Path(folder).iterdir()), sha256)
            for target, (of_archive, path, _) in FILES.items():
                if of_archive == name:
                    (files / target).write_bytes(member(archive, path))
    for name, (_, _, sha256) in FILES.items():
        checked(files / name, sha256)
    (ENVIRONMENT / "complete").write_text("")


def member(archive, path):
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as opened:
            return opened.read(path)
    with tarfile.open(archive) as opened:
        return opened.extractfile(path).read()


def ergon(texts, name, end, pattern):
    """[(ids, text of these)] by the probe."""
    encoded = [text.encode() for text in texts]
    done = subprocess.run([PROBE, str(name), end, pattern], input=b"".join(struct.pack("<I", len(text)) + text for text in encoded), stdout=subprocess.PIPE, check=True)
    result, at = [], 0
    while at < len(done.stdout):
        (count,) = struct.unpack_from("<I", done.stdout, at)
        ids = list(struct.unpack_from(f"<{count}i", done.stdout, at + 4))
        at += 4 + 4 * count
        (size,) = struct.unpack_from("<I", done.stdout, at)
        result.append((ids, done.stdout[at + 4:at + 4 + size].decode()))
        at += 4 + size
    return result


def compare(what, texts, reference, decode, answers):
    """Texts whose ids, or the text of these, are not the reference's."""
    different = []
    for text, (ids, back) in zip(texts, answers):
        wanted = reference(text)
        if ids != wanted or back != (decode(wanted) if decode else text):
            different.append(text)
    print(f"{what}: {len(texts)} texts, {len(different)} different", flush=True)
    for text in different[:3]:
        print("  ", ascii(text)[:160])
    return len(different) + abs(len(texts) - len(answers))


def run_inside():
    """In the private environment: the comparison itself."""
    import base64

    import tiktoken
    import tokenizers

    sys.path[:0] = [str(SOURCE / "tests/support")]
    import unicode_texts

    count, step = int(sys.argv[2]), int(sys.argv[3])
    texts = unicode_texts.texts(count, seed=2) + unicode_texts.every_code_point() + unicode_texts.every_neighbour(step)
    golden = json.loads((SOURCE / "tests/golden/tokenizers.json").read_text())
    files, wrong = ENVIRONMENT / "files", 0
    for name, pattern in (("gpt2", ""), ("p50k_base", ""), ("cl100k_base", ""), ("o200k_base", "")):  # Whisper's own multilingual file has a line without a token
        path = files / f"{name}.tiktoken"
        ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in path.read_bytes().splitlines() if line)}
        shape = pattern or {"p50k_base": "gpt2"}.get(name, name.removesuffix("_base"))
        encoding = tiktoken.Encoding(name, pat_str=golden["patterns"][shape], mergeable_ranks=ranks, special_tokens={})
        wrong += compare(name, texts, encoding.encode_ordinary, None, ergon(texts, f"tiktoken:{path}", "<end>" if pattern else "", pattern))
    for name in ("anthropic", "deepseek"):
        tokenizer = tokenizers.Tokenizer.from_file(str(files / f"{name}.json"))
        tokenizer.encode_special_tokens = True
        wrong += compare(name, texts, lambda text: tokenizer.encode(text, add_special_tokens=False).ids, tokenizer.decode, ergon(texts, f"huggingface:{files / name}.json", "", ""))
    return wrong


def speeds():
    """Ratios to the packages, in one run each; slower than half is a failure."""
    sys.path[:0] = [str(SOURCE / "tests/support")]
    import unicode_texts

    slow = 0
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as text:
        text.write("\n".join(unicode_texts.prose(40000, seed=9)))
        text.flush()
        for name in ("tiktoken:gpt2.tiktoken", "tiktoken:cl100k_base.tiktoken", "tiktoken:o200k_base.tiktoken", "huggingface:anthropic.json", "huggingface:deepseek.json"):
            kind, file = name.split(":")
            answer = json.loads(subprocess.run([BINARY, "bench", "tokenizer", "--tokenizer", f"{kind}:{ENVIRONMENT / 'files' / file}", "--text", text.name, "--against", "package",
                                                "--python", str(PYTHON), "--rounds", "3", "--json"], stdout=subprocess.PIPE, check=True).stdout)
            row = answer["cases"][0]
            print(f"{file}: {row['value']:.2f} MB/s, {row['ratio']:.2f} x {row['baseline']['name']}", flush=True)
            slow += row["ratio"] < 0.5
    return slow


def main():
    if sys.argv[1:2] == ["--inside"]:
        sys.exit(1 if run_inside() else 0)
    count, step = (sys.argv[1:] + ["10000", "1"][len(sys.argv) - 1:])[:2]
    prepare()
    wrong = subprocess.run([str(PYTHON), "-B", __file__, "--inside", count, step]).returncode
    sys.exit(1 if wrong or speeds() else 0)


main()
