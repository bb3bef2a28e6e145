# SPDX-License-Identifier: Apache-2.0
"""headers.py ROOT BUILD [JOBS]: every header compiles alone, with the flags of its own room.

One generated source a header, compiled (not optimised) with the flags that compile_commands.json gives a source of the same room, so that a header of configs
that needs ATen fails. A planted header that leans on what others include must fail, or the test does."""
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

import sources


def room_flags(build):
    """room -> compiler command without input and output."""
    flags = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        words = entry.get("arguments") or shlex.split(entry["command"])
        output = words[words.index("-o") + 1] if "-o" in words else ""
        # The object's path names the target, whose room is its folder: parallel/plan/CMakeFiles/ergon_plan.dir/mesh.cpp.o
        room = output.split("/CMakeFiles/")[0]
        kept, skip = [], False
        for word in words:
            if skip:
                skip = False
            elif word in ("-o", "-MF", "-MT", "-c", "-include"):  # no precompiled header: it would hide what a header forgets
                skip = True
            elif word not in ("-MD", "-MMD", "-Winvalid-pch") and word != entry["file"]:
                kept.append(word)
        flags.setdefault(room, kept)
    return flags


def compile_alone(flags, header, folder, root):
    unit = folder / (header.replace("/", "__") + ".cpp")
    content = f'#include "{header}"\n'
    if not unit.exists() or unit.read_text() != content:
        unit.write_text(content)
    command = [*flags, f"-I{root}", "-O0", "-c", str(unit), "-o", str(unit) + ".o"]
    result = subprocess.run(command, capture_output=True, text=True)
    return None if result.returncode == 0 else result.stderr[:1500]


def flags_for(header, flags):
    room = os.path.dirname(header)
    while room and room not in flags:
        room = os.path.dirname(room)
    # A room that has no source yet is compiled as launch, which sees everything.
    return flags.get(room) or flags["launch"]


def main(root, build, jobs):
    root, build = pathlib.Path(root), pathlib.Path(build)
    flags = room_flags(build)
    folder = build / "headers_alone"
    folder.mkdir(exist_ok=True)
    (folder / "planted.hpp").write_text("#pragma once\ninline std::string planted() { return {}; }\n")
    if compile_alone([*flags["launch"], f"-I{folder}"], "planted.hpp", folder, root) is None:
        print("a header that forgets <string> compiled alone: this test sees nothing")
        return 1
    headers = sources.files(root, suffixes={".hpp"})
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(lambda header: compile_alone(flags_for(header, flags), header, folder, root), headers))
    failed = [(header, text) for header, text in zip(headers, results) if text]
    for header, text in failed:
        print(f"{header} does not compile alone:\n{text}")
    print(f"{len(headers)} headers, {len(failed)} do not compile alone")
    return 1 if failed else 0


sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 2))
