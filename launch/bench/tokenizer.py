# SPDX-License-Identifier: Apache-2.0
"""The reference side of `ergon bench tokenizer`: the same texts through the package that a tokenizer comes from, in one thread.

Reads one JSON object from the command line and prints one: seconds of each pass, how many ids and their SHA-256, the package's version.
"""
import array
import hashlib
import json
import os
import sys
import time

os.environ.update(TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1")


def documents(path, size):
    """Whole lines until they make `size` bytes: what launch/bench/tokenizer.cpp does too."""
    result, held = [], b""
    with open(path, "rb") as file:
        for line in file:
            held += line
            if len(held) >= size:
                result.append(held.decode())
                held = b""
    return result + [held.decode()] * bool(held)


def tiktoken_encoder(job):
    import base64

    import tiktoken

    with open(job["file"], "rb") as file:
        ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in file if line.strip())}
    encoding = tiktoken.Encoding("reference", pat_str=job["pattern"], mergeable_ranks=ranks, special_tokens={})
    return encoding.encode_ordinary, "tiktoken " + tiktoken.__version__


def huggingface_encoder(job):
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(job["file"])
    tokenizer.encode_special_tokens = True
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids, "tokenizers " + tokenizers.__version__


def main():
    job = json.loads(sys.argv[1])
    encode, version = {"tiktoken": tiktoken_encoder, "huggingface": huggingface_encoder}[job["kind"]](job)
    texts = documents(job["text"], job["document_bytes"])
    seconds = []
    for _ in range(job["passes"]):
        tokens, digest = 0, hashlib.sha256()
        spent = 0.0
        for text in texts:
            start = time.perf_counter()
            ids = encode(text)
            spent += time.perf_counter() - start
            tokens += len(ids)
            digest.update(array.array("i", ids).tobytes())
        seconds.append(spent)
    print(json.dumps({"version": version, "seconds": seconds, "tokens": tokens, "sha256": digest.hexdigest()}))


main()
