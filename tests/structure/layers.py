# SPDX-License-Identifier: Apache-2.0
"""Doors open downward only: configs -> parallel/plan -> {accounting, parallel} -> trainer -> launch. accounting sees plan/ but not the rest of parallel, parallel
never sees accounting. Includes are rooted at the repository. Libraries stay in the rooms that may use them, the slow ones behind one file."""
import os
import re

import sources

ALLOWED = {
    "configs": {"configs"},
    "parallel/plan": {"configs", "parallel/plan"},
    "accounting": {"configs", "parallel/plan", "accounting"},
    "parallel": {"configs", "parallel/plan", "parallel"},
    "trainer": {"configs", "parallel/plan", "parallel", "accounting", "trainer"},
    "launch": {"configs", "parallel/plan", "parallel", "accounting", "trainer", "launch"},
}
# (what, pattern of the header's name, rooms that may include it, largest number of files that do, tests aside)
LIBRARIES = [
    ("LibTorch", r"^(ATen|c10|torch)/", {"parallel", "trainer", "launch"}, None),
    ("MPI", r"^mpi\.h$", {"parallel", "launch"}, None),
    ("HDF5", r"^(hdf5|H5\w*)\.h$", {"trainer", "launch"}, None),
    ("CLI11", r"^CLI/(?!Version)", {"launch"}, 1),
    ("ncurses", r"^(n?curses|term)\.h$", {"launch"}, 1),
    ("spdlog", r"^spdlog/", {"launch", "trainer"}, 1),
    ("toml++", r"^toml\+\+/(?!.*version)|^toml\.hpp$", {"configs"}, None),
    ("SentencePiece", r"^sentencepiece", {"trainer"}, 1),
    ("PCRE2", r"^pcre2", {"trainer"}, 1),
    ("ICU", r"^unicode/", {"trainer"}, 1),
]
# What a header may include of ATen: the tensor. Others cost seconds in every file that includes the header.
EXPENSIVE_HEADERS = {"trainer/kernels/vectorised.hpp": {"ATen/Parallel.h"}}  # at::parallel_for is a template around the kernel's body


def room(path):
    if path.startswith("parallel/plan/"):
        return "parallel/plan"
    return path.split("/")[0]


def violations(root):
    found, users = [], {}
    for path in sources.files(root):
        mine = room(path)
        for line, kind, name in sources.includes(sources.text(root, path)):
            where = f"{path}:{line}"
            if kind == '"':
                if not os.path.isfile(os.path.join(root, name)) and not os.path.isfile(os.path.join(root, name + ".in")):  # made by configure_file
                    found.append(f"{where}: \"{name}\" is not a path from the root of the repository")
                elif mine != "tests" and room(name) not in ALLOWED[mine]:
                    found.append(f"{where}: {mine} may not include {room(name)} (\"{name}\")")
                continue
            if re.match(r"^(torch/(torch|all|script|extension)\.h|ATen/ATen\.h)$", name):
                found.append(f"{where}: <{name}> costs 7 to 22 seconds a file; include single-operator headers")
            if mine == "tests":
                continue
            if path.endswith(".hpp") and re.match(r"^ATen/", name) and name not in {"ATen/core/Tensor.h"} | EXPENSIVE_HEADERS.get(path, set()):
                found.append(f"{where}: a header includes of ATen only ATen/core/Tensor.h, not <{name}>")
            for what, pattern, rooms, most in LIBRARIES:
                if re.search(pattern, name):
                    if mine not in rooms:
                        found.append(f"{where}: {mine} may not include {what} (<{name}>)")
                    users.setdefault(what, {}).setdefault(path, None)
                    if most is not None and len(users[what]) > most:
                        found.append(f"{where}: {what} stays behind {most} file, and {', '.join(users[what])} include it")
    return found


CLEAN = {
    "configs/a.hpp": "#include <string>\n",
    "parallel/plan/mesh.hpp": '#include "configs/a.hpp"\n',
    "parallel/mpi.hpp": '#include "parallel/plan/mesh.hpp"\n#include <mpi.h>\n#include <ATen/core/Tensor.h>\n',
    "accounting/b.cpp": '#include "parallel/plan/mesh.hpp"\n// #include "parallel/mpi.hpp"\n',
    "trainer/c.cpp": '#include "accounting/b.cpp"\n#include <ATen/ops/add.h>\n#include <hdf5.h>\n',
    "launch/d.cpp": '#include "trainer/c.cpp"\n#include <CLI/CLI.hpp>\n',
}
PLANTS = [
    ({"configs/x.cpp": '#include "trainer/c.cpp"\n'}, "configs may not include trainer"),
    ({"parallel/plan/x.cpp": '#include "parallel/mpi.hpp"\n'}, "parallel/plan may not include parallel"),
    ({"accounting/x.hpp": '#include "parallel/mpi.hpp"\n'}, "accounting may not include parallel"),
    ({"parallel/x.cpp": '#include "accounting/b.cpp"\n'}, "parallel may not include accounting"),
    ({"trainer/x.cpp": '#include "launch/d.cpp"\n'}, "trainer may not include launch"),
    ({"trainer/x.cpp": '#include "c.cpp"\n'}, "is not a path from the root"),
    ({"accounting/x.cpp": "#include <ATen/core/Tensor.h>\n"}, "accounting may not include LibTorch"),
    ({"accounting/x.cpp": "#include <mpi.h>\n"}, "accounting may not include MPI"),
    ({"parallel/x.cpp": "#include <hdf5.h>\n"}, "parallel may not include HDF5"),
    ({"trainer/x.cpp": "  #  include <torch/torch.h>\n"}, "torch/torch.h"),
    ({"tests/x.cpp": "#include <ATen/ATen.h>\n"}, "ATen/ATen.h"),
    ({"trainer/x.hpp": "#include <ATen/ops/add.h>\n"}, "a header includes of ATen only"),
    ({"launch/x.cpp": "#include <CLI/App.hpp>\n"}, "stays behind 1 file"),
    ({"launch/x.cpp": "#include <pcre2.h>\n"}, "launch may not include PCRE2"),
    ({"parallel/x.cpp": "#include <unicode/ustring.h>\n"}, "parallel may not include ICU"),
    ({"trainer/x.cpp": "#include <curses.h>\n"}, "trainer may not include ncurses"),
]
