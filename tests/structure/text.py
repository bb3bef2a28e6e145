# SPDX-License-Identifier: Apache-2.0
"""What every file of ours shows: an SPDX line on top, ASCII, #pragma once in headers, no TODO."""
import re

import sources

SCRIPTS = {".py", ".sh", ".cmake"}


def violations(root):
    found = []
    for path in sources.files(root, suffixes=sources.CODE | SCRIPTS):
        source = sources.text(root, path)
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in source.split("\n")[:2]):
            found.append(f"{path}: no SPDX line on top")
        if path.endswith((".hpp", ".cuh")) and "#pragma once" not in source:
            found.append(f"{path}: no #pragma once")
        for number, line in enumerate(source.split("\n"), 1):
            if not line.isascii():
                found.append(f"{path}:{number}: not ASCII")
            if re.search(r"\b(TODO|FIXME|XXX)\b", line) and not path.startswith("tests/structure/"):
                found.append(f"{path}:{number}: {line.strip()[:60]}: do it, or open an issue")
    return found


SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
CLEAN = {"configs/a.hpp": SPDX + "#pragma once\n", "launch/a.sh": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"}
PLANTS = [
    ({"configs/x.cpp": "int x;\n"}, "no SPDX line"),
    ({"launch/x.sh": "#!/bin/sh\n"}, "no SPDX line"),
    ({"configs/x.hpp": SPDX}, "no #pragma once"),
    ({"tests/x.cpp": SPDX + "// caf\u00e9\n"}, "x.cpp:2: not ASCII"),
    ({"configs/x.cpp": SPDX + "// TODO later\n"}, "do it"),
]
