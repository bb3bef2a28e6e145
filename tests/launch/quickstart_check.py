# SPDX-License-Identifier: Apache-2.0
"""The two helpers of launch/quickstart.sh: text out of a SWORD module made here, and the verdict on loss curves made here."""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

FILLER = "And it was so. " * 10


def chapter(name, body):
    return f'<chapter osisID="{name}" sID="{name}"/><div sID="g1" type="x-p"/>{body}<div eID="g1"/><chapter eID="{name}"/>'


def module(folder, chapters, copies):
    """Blocks cut without regard to chapters, as the real module's are."""
    osis = ("<title>Preface</title>front matter" + "".join(chapters) * copies).encode()
    for testament, text in (("ot", osis[:len(osis) // 2]), ("nt", osis[len(osis) // 2:])):
        index, data = b"", b""
        for begin in range(0, len(text), 50000):
            block = zlib.compress(text[begin:begin + 50000])
            index += struct.pack("<III", len(data), len(block), len(text[begin:begin + 50000]))
            data += block
        pathlib.Path(folder, testament + ".bzs").write_bytes(index)
        pathlib.Path(folder, testament + ".bzz").write_bytes(data)


def corpus(root):
    first = 'God<note type="x">a note</note><w>created</w> &amp; saw<note>more</note>. ' + FILLER
    second = '<title>A psalm</title><lg><l sID="a"/>One line<l eID="a"/><l sID="b"/>and another<l eID="b"/></lg> ' + FILLER
    with tempfile.TemporaryDirectory() as folder:
        source, output = pathlib.Path(folder, "in"), pathlib.Path(folder, "out")
        source.mkdir()
        run = [sys.executable, "-B", f"{root}/launch/quickstart_corpus.py", str(source), str(output)]
        empty = subprocess.run(run, capture_output=True, text=True)
        module(source, [chapter("Gen.1", first), chapter("Ps.1", second), chapter("Ps.2", "short")], 10)
        small = subprocess.run(run, capture_output=True, text=True)
        module(source, [chapter("Gen.1", first), chapter("Ps.1", second), chapter("Ps.2", "short")], 10000)
        full = subprocess.run(run, capture_output=True, text=True)
        texts = [pathlib.Path(output, name).read_text() for name in ("0000.txt", "0001.txt")]
        return [
            ("no module is refused", empty.returncode == 1 and "no SWORD module" in empty.stderr),
            ("a small text is refused", small.returncode == 1 and "fewer than 3 MB" in small.stderr),
            ("a large one is taken", full.returncode == 0 and full.stdout.startswith("20000 chapters")),
            ("notes and tags go, words stay apart", texts[0] == "God created & saw. " + FILLER.strip() + "\n"),
            ("lines stay lines", texts[1] == "One line\nand another\n\n" + FILLER.strip() + "\n"),
        ]


def verdict(root, loss, steps):
    with tempfile.TemporaryDirectory() as folder:
        events, bigram = pathlib.Path(folder, "events.jsonl"), pathlib.Path(folder, "bigram.json")
        lines = [{"event": "attempt", "attempt": 1}] + [{"event": "step", "step": step} for step in steps]
        lines.append({"event": "evaluation", "loss": loss, "valid_tokens": 9})
        events.write_text("".join(json.dumps(line) + "\n" for line in lines))
        bigram.write_text(json.dumps({"nats_per_token": 4.0, "unigram_nats_per_token": 6.0}))
        run = [sys.executable, "-B", f"{root}/launch/quickstart_verdict.py", str(events), str(bigram), "2"]
        return subprocess.run(run, capture_output=True, text=True).returncode


def main(root):
    checks = corpus(root) + [
        ("below the bigram model", verdict(root, 3.7, [1, 2, 3, 4]) == 0),
        ("not clearly below it", verdict(root, 3.9, [1, 2, 3, 4]) == 1),
        ("a step is missing", verdict(root, 3.7, [1, 2, 4]) == 1),
        ("a step stands twice", verdict(root, 3.7, [1, 2, 2, 3]) == 1),
        ("not a number", verdict(root, float("nan"), [1, 2]) == 1),
    ]
    wrong = [name for name, right in checks if not right]
    print(f"{len(checks)} checks, wrong: {wrong}")
    return 1 if wrong else 0


sys.exit(main(sys.argv[1]))
