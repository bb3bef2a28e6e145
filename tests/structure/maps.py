# SPDX-License-Identifier: Apache-2.0
"""Every room's page is a map: each source of a folder is named between backquotes in the folder's README.md (`keys_*` and `keys_{run,mesh}` name families)."""
import os
import pathlib
import re

import sources

SUFFIXES = sources.CODE | {".h"}


def violations(root):
    found = []
    for path in sources.files(root, [room for room in sources.ROOMS if room != "tests"], SUFFIXES):
        readme = pathlib.Path(root, os.path.dirname(path), "README.md")
        if readme.is_file() and not named(pathlib.Path(path).stem, readme.read_text(encoding="utf-8")):
            found.append(f"{path}: {os.path.dirname(path)}/README.md does not name it")
    return found


def named(stem, readme):
    text = " ".join(re.findall(r"`([^`\n]+)`", readme))  # a word of a sentence names no file
    if re.search(rf"(?<!\w){re.escape(stem)}(?!\w)", text):
        return True
    for prefix, choices in re.findall(r"(?<!\w)(\w+_)(?:\*|\{([\w, ]+)\})", text):  # keys_*, plugin_{nccl,device}
        if stem.startswith(prefix) and (not choices or stem[len(prefix):] in re.split(r"[, ]+", choices)):
            return True
    return False


CLEAN = {
    "configs/README.md": "| `a.hpp`, `keys_*` | |\n`b_{first,second}` and `b_x`; no c here\n", "configs/a.hpp": "", "configs/a.cpp": "", "configs/keys_x.cpp": "",
    "configs/b_second.cpp": "", "configs/b_x.hpp": "", "tests/configs/c_test.cpp": "", "tests/README.md": "",
}
PLANTS = [
    ({"configs/c.hpp": ""}, "configs/c.hpp: configs/README.md does not name it"),
    ({"configs/b_third.cpp": ""}, "configs/b_third.cpp"),
    ({"configs/b.cpp": ""}, "configs/b.cpp"),
    ({"configs/x.h": ""}, "configs/x.h"),
]
