# SPDX-License-Identifier: Apache-2.0
"""headers.py ROOT BUILD [JOBS]: every header compiles alone, with the flags of its own room.

One generated source a header, checked without generating code, with the flags that compile_commands.json gives a source of the same room, so that a header of
configs that needs ATen fails.

A header that a source of its own name includes before all else is proven by the build, where nothing was precompiled in front of that source; such are left out.

Where there is ccache this goes through it, as the build does: what has not changed since the last time is not compiled again. Elsewhere most of the time would go into a
few headers of others. They are precompiled once, and each of ours gets the largest that it includes itself, directly or through our other headers: it would have
read the same text, so it learns nothing that it does not ask for. Planted headers prove both halves: one that leans on what others include must fail, also
when it includes a precompiled header, which has nothing to do with what it lacks."""
import concurrent.futures
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

import sources

CCACHE = shutil.which("ccache")
LARGE = ("ATen/core/Tensor.h", "nlohmann/json.hpp", "functional", "string")  # largest first
UNASKED = ("-DERGON", "-DMPICH", "-DOMPI", "-D_MPICC", "-DNLOPT")  # macros of which LARGE knows nothing
PLANTED = {
    "planted_alone.hpp": "#pragma once\ninline std::string planted() { return {}; }\n",
    "planted_tensor.hpp": "#pragma once\n#include <string>\nat::Tensor planted(const std::string& text);\n",
    "planted_behind_large.hpp": "#pragma once\n#include <ATen/core/Tensor.h>\nstd::filesystem::path planted(const at::Tensor& tensor);\n",
    "planted_behind_small.hpp": "#pragma once\n#include <string>\nstd::filesystem::path planted(const std::string& text);\n",
}


def room_flags(build):
    """room -> compiler command without input and output."""
    flags = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        words = entry.get("arguments") or shlex.split(entry["command"])
        if "-x" in words:  # makes a precompiled header
            continue
        output = words[words.index("-o") + 1] if "-o" in words else ""
        # The object's path names the target, whose room is its folder: parallel/plan/CMakeFiles/ergon_plan.dir/mesh.cpp.o
        room = output.split("/CMakeFiles/")[0]
        kept, skip = [], False
        for word in words:
            if skip:
                skip = False
            elif word in ("-o", "-MF", "-MT", "-c", "-include"):  # no precompiled header of the build: it hides what a header forgets
                skip = True
            elif word.startswith(("-O", "-fno-", "-fsanitize")):  # of code, which is not made here
                continue
            elif word not in ("-MD", "-MMD", "-Winvalid-pch") and word != entry["file"] and not word.endswith("ccache"):
                kept.append(word)
        # Of several targets in one room, the one that sees most.
        if len(kept) > len(flags.get(room, [])):
            flags[room] = kept
    return flags


def proven_by_build(root, build):
    """Headers that the build itself has compiled alone."""
    proven = set()
    for entry in json.loads((build / "compile_commands.json").read_text()):
        words = entry.get("arguments") or shlex.split(entry["command"])
        source = pathlib.Path(entry["file"])
        if "-include" in words or not source.is_relative_to(root) or not source.with_suffix(".hpp").is_file():
            continue
        header = str(source.with_suffix(".hpp").relative_to(root))
        first = next(iter(sources.includes(sources.text(root, str(source.relative_to(root))))), None)
        if first is not None and first[1:] == ('"', header):
            proven.add(header)
    return proven


def flags_for(header, flags):
    room = os.path.dirname(header)
    while room and room not in flags:
        room = os.path.dirname(room)
    # A room that has no source yet is compiled as launch, which sees everything.
    return flags.get(room) or flags["launch"]


def included(root, header, seen):
    """Adds to `seen` every header that `header` includes, directly or through headers of the tree."""
    for _, kind, name in sources.includes(sources.text(root, header)):
        if name not in seen:
            seen.add(name)
            if kind == '"' and (root / name).is_file():
                included(root, name, seen)
    return seen


def large_of(header, home):
    """The first of LARGE that `header`, whose path starts from the folder `home`, includes; None if it includes none."""
    names = included(home, header, set())
    return next((name for name in LARGE if name in names), None)


def plain(flags):
    """`flags` without the macros of UNASKED."""
    return [word for word in flags if not word.startswith(UNASKED)]


def dialect(flags):
    """What has to be equal for a precompiled header to fit: the plain flags without folders."""
    kept, folder = [], False
    for word in plain(flags):
        if not folder and word not in ("-isystem", "-idirafter") and not word.startswith("-I"):
            kept.append(word)
        folder = word in ("-isystem", "-idirafter")
    return tuple(kept)


def precompile(name, flags, path):
    """The options that put the precompiled header `name` in front. Where it does not fit, the compiler reads its text instead: slower, and just as right."""
    path.write_text(f"#include <{name}>\n")
    subprocess.run([*plain(flags), "-O0", "-x", "c++-header", str(path), "-o", f"{path}.gch"], check=True)
    return ["-include", str(path)]


def alone(flags, header, home, folder, start):
    """None, or what the compiler says against `header`, whose path starts from the folder `home`; `start` are options that come first."""
    unit = folder / (header.replace("/", "__") + ".cpp")
    unit.write_text(f'#include "{header}"\n')
    check = [CCACHE, *flags, "-c", "-o", str(unit.with_suffix(".o"))] if CCACHE else [*flags, "-fsyntax-only"]  # ccache keeps objects only
    result = subprocess.run([*check, f"-I{home}", "-O0", *start, str(unit)], capture_output=True, text=True)
    return None if result.returncode == 0 else result.stderr[:1500]


def main(root, build, jobs):
    root, build = pathlib.Path(root).resolve(), pathlib.Path(build).resolve()
    flags = room_flags(build)
    folder = build / "headers_alone"
    folder.mkdir(exist_ok=True)
    planted = {name: text for name, text in PLANTED.items() if not CCACHE or "behind" not in name}  # without precompiled headers there is nothing to lean on
    for name, text in planted.items():
        (folder / name).write_text(text)
    proven = proven_by_build(root, build)
    headers = [header for header in sources.files(root, suffixes={".hpp"}) if header not in proven]
    units = [(flags["trainer"], name, folder) for name in planted] + [(flags_for(header, flags), header, root) for header in headers]
    starts = [None if CCACHE else large_of(header, home) for _, header, home in units]
    wanted = {(dialect(unit[0]), start): unit[0] for unit, start in zip(units, starts) if start}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        options = pool.map(lambda number, pair: precompile(pair[0][1], pair[1], folder / f"large_{number}.hpp"), range(len(wanted)), wanted.items())
        options = dict(zip(wanted, options))
        results = list(pool.map(lambda unit, start: alone(*unit, folder, options.get((dialect(unit[0]), start), [])), units, starts))

    unseen = [name for (_, name, _), text in zip(units[:len(planted)], results) if text is None]
    if unseen:
        print(f"planted headers compiled alone although they forget an include: {', '.join(unseen)}: this test sees nothing")
        return 1
    failed = [(header, text) for (_, header, _), text in zip(units[len(planted):], results[len(planted):]) if text]
    for header, text in failed:
        print(f"{header} does not compile alone:\n{text}")
    print(f"{len(headers)} headers compiled and {len(proven)} left to the build, {len(failed)} do not compile alone")
    return 1 if failed else 0


sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 2))
