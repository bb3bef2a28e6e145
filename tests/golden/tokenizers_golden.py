# SPDX-License-Identifier: Apache-2.0
"""Makes tokenizers.json anew: tokenizers_golden.py FILE, in a Python with tiktoken==0.14.0 and tokenizers==0.23.3.

Two small vocabularies trained here, texts over all planes of Unicode, and what the two packages make of the texts under every part of a tokenizer that Ergon
reads. The parts stand in the file, so that a test builds the same tokenizers from it.
"""
import base64
import json
import os
import random
import sys

import tiktoken
import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import unicode_texts  # noqa: E402

PATTERNS = {
    "gpt2": r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s""",
    "cl100k": r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s""",
    "o200k": r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"""
             r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"""
             r"""\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+""",
    "llama3": r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""",
}


def byte_level(**options):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True} | options


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def sequence(key, *parts):
    return {"type": "Sequence", key: list(parts)}


def token(content, **flags):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False} | flags


ADDED = [token("<|endoftext|>", special=True), token("<think>"), token("<think>>"), token("[left]", lstrip=True), token("[right]", rstrip=True),
         token("[both]", lstrip=True, rstrip=True), token("Caf\u00e9", single_word=True), token("\ufb01x", normalized=True), token("end", normalized=True)]
DEEPSEEK = [split(r"\p{N}{1,3}"), split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"),
            split("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+")]
LLAMA2_DECODER = sequence("decoders", {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                          {"type": "Strip", "content": " ", "start": 1, "stop": 0})
BYTES, CHARACTERS = {"type": "BPE"}, {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
# name: (vocabulary, the other parts)
FILES = {
    "byte level": ("bytes", {"pre_tokenizer": byte_level()}),
    "prefix space": ("bytes", {"pre_tokenizer": byte_level(add_prefix_space=True)}),
    "added tokens": ("bytes", {"pre_tokenizer": byte_level(), "normalizer": {"type": "NFKC"}, "added_tokens": ADDED}),
    "llama 3": ("bytes", {"pre_tokenizer": sequence("pretokenizers", split(PATTERNS["llama3"]), byte_level(use_regex=False)), "model": {"ignore_merges": True}}),
    "deepseek": ("bytes", {"pre_tokenizer": sequence("pretokenizers", *DEEPSEEK, byte_level(use_regex=False))}),
    "digits": ("bytes", {"pre_tokenizer": sequence("pretokenizers", {"type": "Digits", "individual_digits": True}, byte_level())}),
    "whole digits": ("bytes", {"pre_tokenizer": sequence("pretokenizers", {"type": "Digits", "individual_digits": False}, byte_level(use_regex=False))}),
    "removed": ("bytes", {"pre_tokenizer": sequence("pretokenizers", split(" ", "Removed", kind="String"), byte_level(use_regex=False))}),
    "merged with previous": ("bytes", {"pre_tokenizer": sequence("pretokenizers", split(r"\s", "MergedWithPrevious"), byte_level(use_regex=False))}),
    "merged with next": ("bytes", {"pre_tokenizer": sequence("pretokenizers", split(r"[\s\p{P}]", "MergedWithNext"), byte_level(use_regex=False))}),
    "contiguous": ("bytes", {"pre_tokenizer": sequence("pretokenizers", split(r"\p{L}", "Contiguous", invert=True), byte_level(use_regex=False))}),
    "NFC": ("bytes", {"pre_tokenizer": byte_level(), "normalizer": {"type": "NFC"}}),
    "NFD": ("bytes", {"pre_tokenizer": byte_level(), "normalizer": {"type": "NFD"}}),
    "NFKC": ("bytes", {"pre_tokenizer": byte_level(), "normalizer": {"type": "NFKC"}}),
    "NFKD": ("bytes", {"pre_tokenizer": byte_level(), "normalizer": sequence("normalizers", {"type": "NFKD"}, {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "})}),
    "llama 2": ("characters", {"normalizer": sequence("normalizers", {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}),
                               "decoder": LLAMA2_DECODER}),
    "metaspace": ("characters", {"pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": True},
                                 "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": True}, "added_tokens": [token("[left]", lstrip=True)]}),
    "unknown": ("characters", {"pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "never", "split": False},
                               "model": {"byte_fallback": False, "fuse_unk": False}}),
    "fused unknown": ("characters", {"pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": False},
                                     "model": {"byte_fallback": False, "fuse_unk": True}}),
}


def train_bytes(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=560, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    return json.loads(tokenizer.to_str())["model"]


def train_characters(texts):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<unk>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=560, special_tokens=special, limit_alphabet=120, show_progress=False))
    return json.loads(tokenizer.to_str())["model"]


def huggingface_file(parts, model):
    """The whole tokenizer.json: what tests/trainer/data/tokenizers/golden.hpp does too."""
    added = [part | {"id": model["vocab"].get(part["content"], None)} for part in parts.get("added_tokens", [])]
    following = len(model["vocab"])
    for part in added:
        if part["id"] is None:
            part["id"], following = following, following + 1
    base = BYTES if model["kind"] == "bytes" else CHARACTERS
    whole = {"version": "1.0", "decoder": byte_level() if model["kind"] == "bytes" else None} | parts | {"added_tokens": added}
    whole["model"] = base | parts.get("model", {}) | {"vocab": model["vocab"], "merges": model["merges"]}
    return whole


def main(path):
    random.seed(1)
    corpus = unicode_texts.prose(1500, seed=5)
    vocabularies = {"bytes": train_bytes(corpus), "characters": train_characters(corpus)}
    vocabularies = {kind: {"kind": kind, "vocab": model["vocab"], "merges": model["merges"]} for kind, model in vocabularies.items()}
    texts = unicode_texts.texts(90, seed=1) + ["", " ", "a", "\u00e9" * 90 + " " * 90 + "ab" * 90]
    to_byte = {c: b for b, c in unicode_texts.byte_alphabet().items()}
    ranks = {bytes(to_byte[c] for c in text): number for text, number in vocabularies["bytes"]["vocab"].items()}
    cases = []
    for name, pattern in PATTERNS.items():
        encoding = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
        cases.append({"name": name, "kind": "tiktoken", "ids": [encoding.encode_ordinary(text) for text in texts]})
    for name, (kind, parts) in FILES.items():
        whole = huggingface_file(parts, vocabularies[kind])
        tokenizer = Tokenizer.from_str(json.dumps(whole))
        tokenizer.encode_special_tokens = True
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
        cases.append({"name": name, "kind": "huggingface", "vocabulary": kind, "file": {k: v for k, v in whole.items() if k != "model"},
                      "model": {k: v for k, v in whole["model"].items() if k not in ("vocab", "merges")}, "ids": ids,
                      "decoded": None if name == "added tokens" else [None if back == text else back for text, back in zip(texts, map(tokenizer.decode, ids))]})
    lines = "".join(f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in sorted(ranks.items(), key=lambda item: item[1]))
    result = {"tiktoken": tiktoken.__version__, "tokenizers": tokenizers.__version__, "vocabularies": vocabularies, "patterns": PATTERNS, "ranks": lines, "texts": texts, "cases": cases}
    with open(path, "w", encoding="ascii") as file:
        json.dump(result, file, separators=(",", ":"))
        file.write("\n")


main(sys.argv[1])
