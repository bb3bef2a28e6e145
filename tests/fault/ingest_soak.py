# SPDX-License-Identifier: Apache-2.0
"""ingest_soak.py [MEGABYTES [FILES [KILLS [PART...]]]]: an import of 3000 MB from standard input, of the same from a file, and of 200,000 files, each by 1, 2 and 8 threads and after 20
kills: the resident size stays below 512 MiB and the bytes are equal. Prints a line an import. PART: stream, file, files; not given: all. Needs about ten times the megabytes of disk, in TMPDIR."""
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BINARY = os.environ["ERGON_BINARY"]
MEBIBYTE = 1 << 20
LIMIT = 512 * MEBIBYTE


def blocks(megabytes):
    """Lines of JSON, all different but every seventh, in blocks of about a megabyte."""
    draw = random.Random(7)
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 9))) for _ in range(2000)]
    tails = [" ".join(draw.choices(words, k=draw.randint(5, 300))) for _ in range(997)]
    number = made = 0
    while made < megabytes * 1_000_000:
        lines = []
        size = 0
        while size < 1_000_000:
            text = number - 7 * 1000 if number % 7 == 6 and number > 8000 else number
            lines.append(f'{{"text": "{text} {tails[text * 31 % 997]}"}}\n')
            size += len(lines[-1])
            number += 1
        made += size
        yield "".join(lines).encode()


def imported(folder, what, line, source=None, kill_after=None):
    """Runs the line; returns its summary, or None when it was killed. `source` feeds its standard input."""
    started = time.monotonic()
    process = subprocess.Popen([BINARY, "data", "import", *line, "--json"], cwd=folder, stdin=subprocess.PIPE if source else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if source:
        for block in source:
            process.stdin.write(block)
        process.stdin.close()
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(process.pid, signal.SIGKILL)  # not send_signal, which would reap an import that has ended
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    if os.WIFSIGNALED(status):
        return None
    if status != 0:
        sys.exit(f"{what}: ended with {os.waitstatus_to_exitcode(status)}")
    summary = json.loads(out)
    resident = usage.ru_maxrss * 1024
    print(f"{what}: {summary['documents']} documents, {summary['bytes'] / 1e6:.0f} MB of text in {seconds:.0f} s, {summary['bytes'] / 1e6 / seconds:.1f} MB/s, resident {resident / MEBIBYTE:.0f} MiB", flush=True)
    if resident >= LIMIT:
        sys.exit(f"{what}: {resident} bytes were resident, the limit is {LIMIT}")
    summary["took"] = seconds
    return summary


def digest_and_remove(folder, dataset):
    digest = hashlib.sha256()
    for shard in json.loads((folder / dataset).read_text())["shards"]:
        with open(folder / shard["file"], "rb") as file:
            while part := file.read(MEBIBYTE):
                digest.update(part)
        (folder / shard["file"]).unlink()
    (folder / dataset).unlink()
    return digest.hexdigest()


def equal(what, digests):
    if len(set(digests)) != 1:
        sys.exit(f"{what}: the bytes differ: {digests}")
    print(f"{what}: {len(digests)} imports, equal bytes", flush=True)


def by_threads(folder, what, line, source=None):
    digests = []
    for threads in (1, 2, 8):
        summary = imported(folder, f"{what}, {threads} threads", [*line, "-o", "t.json", "--threads", str(threads)], source() if source else None)
        digests.append(digest_and_remove(folder, "t.json"))
    return digests, summary["took"]


def by_kills(folder, what, line, kills, seconds):
    """The digests of what was whole in the end; one that ended before it was to be killed begins another."""
    draw, killed, digests = random.Random(3), 0, []
    line = [*line, "-o", "t.json"]
    while killed < kills:
        if imported(folder, what, [*line, "--threads", str(draw.choice([1, 2, 8]))], kill_after=draw.uniform(0.05, 0.4) * seconds) is None:
            killed += 1
        else:
            digests.append(digest_and_remove(folder, "t.json"))
    imported(folder, f"{what}, after {killed} kills", line)
    return [*digests, digest_and_remove(folder, "t.json")]


OPTIONS = ["--deduplicate", "--valid", "0.01"]


def stream(folder, megabytes, files, kills):
    equal("stream", by_threads(folder, "stream", ["-", "--format", "jsonl", *OPTIONS], lambda: blocks(megabytes))[0])


def one_file(folder, megabytes, files, kills):
    with open(folder / "in.jsonl", "wb") as file:
        for block in blocks(megabytes):
            file.write(block)
    digests, seconds = by_threads(folder, "one file", ["in.jsonl", *OPTIONS])
    equal("one file", digests + by_kills(folder, "one file", ["in.jsonl", *OPTIONS], kills, seconds))


def many_files(folder, megabytes, files, kills):
    for n in range(files):
        if n % 1000 == 0:
            (folder / f"in/{n // 1000:03}").mkdir(parents=True)
        (folder / f"in/{n // 1000:03}/{n:06}.txt").write_text(f"file {n} " * (5 + n % 100))
    digests, seconds = by_threads(folder, f"{files} files", ["in", *OPTIONS])
    equal(f"{files} files", digests + by_kills(folder, f"{files} files", ["in", *OPTIONS], kills, seconds))


PARTS = {"stream": stream, "file": one_file, "files": many_files}


def run(megabytes=3000, files=200_000, kills=20, *parts):
    for part in parts or PARTS:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="ergon ingest "))
        try:
            PARTS[part](folder, int(megabytes), int(files), int(kills))
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    run(*sys.argv[1:])
