# SPDX-License-Identifier: Apache-2.0
"""Every x.cpp has its x_test.cpp at the mirrored path under tests/, built by some CMakeLists.txt there; every folder that holds code has a README.md."""
import os
import pathlib
import re

import sources

# Sources without a test file of their own, each with its reason.
EXCEPTIONS = {"launch/main.cpp": "the program itself: tests/e2e run it",
              "launch/h5_layout_main.cpp": "the helper program itself: tests/launch/hdf5_helper_test.cpp runs it"}


def violations(root):
    found = []
    rooms = [room for room in sources.ROOMS if room != "tests"]
    for path in sources.files(root, rooms, {".cpp", ".cu"}):
        test = "tests/" + re.sub(r"\.\w+$", "_test.cpp", path)
        if path not in EXCEPTIONS and not os.path.isfile(os.path.join(root, test)):
            found.append(f"{path}: no {test}")
    lists = {p.parent: p.read_text() for p in pathlib.Path(root, "tests").rglob("CMakeLists.txt")}
    for shared in pathlib.Path(root, "tests").rglob("*.cmake"):  # a list that several folders include
        if shared.parent in lists:
            lists[shared.parent] += shared.read_text()
    for path in sources.files(root, ["tests"], {".cpp"}):
        if path.endswith("_test.cpp") and not built(pathlib.Path(root), path, lists):
            found.append(f"{path}: no CMakeLists.txt above it builds it")
    folders = {os.path.dirname(path) for path in sources.files(root, rooms)} | {room for room in rooms if os.path.isdir(os.path.join(root, room))}
    for folder in sorted(folders | {"tests"}):
        if os.path.isdir(os.path.join(root, folder)) and not os.path.isfile(os.path.join(root, folder, "README.md")):
            found.append(f"{folder}: no README.md")
    return found


def built(root, path, lists):
    """A CMakeLists.txt in the file's folder or above names the file by its path from there, or its stem in ergon_test(stem ...), or the folder's own takes every *_test.cpp."""
    file = root / path
    for folder, text in lists.items():
        if folder in file.parents:
            name = file.relative_to(folder).as_posix()
            stem = name[: -len("_test.cpp")]
            named = re.search(rf"(^|[\s(]){re.escape(name)}($|[\s)])", text) or re.search(rf"ergon_test\(\s*{re.escape(stem)}[\s)]", text)
            if named or (folder == file.parent and re.search(r"file\(GLOB [^)]*\*_test\.cpp\)", text)):
                return True
    return False


CLEAN = {
    "configs/README.md": "", "tests/README.md": "", "launch/README.md": "", "launch/main.cpp": "", "launch/h5_layout_main.cpp": "", "configs/a.cpp": "", "configs/b.cpp": "",
    "tests/configs/a_test.cpp": "", "tests/configs/b_test.cpp": "", "tests/configs/CMakeLists.txt": "ergon_test(a LINK x)\nergon_test(rest SOURCES b_test.cpp)\n",
}
PLANTS = [
    ({"configs/x.cpp": ""}, "configs/x.cpp: no tests/configs/x_test.cpp"),
    ({"configs/deep/x.hpp": ""}, "configs/deep: no README.md"),
    ({"tests/configs/c_test.cpp": ""}, "builds it"),
    ({"tests/configs/c_test.cpp": "", "tests/CMakeLists.txt": "file(GLOB all *_test.cpp)\n"}, "builds it"),
    ({"tests/configs/c_test.cpp": "", "tests/configs/CMakeLists.txt": "file(GLOB torch /somewhere/*)\n"}, "builds it"),
]
