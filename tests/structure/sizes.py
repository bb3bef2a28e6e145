# SPDX-License-Identifier: Apache-2.0
"""One idea a file: headers up to 150 lines, sources up to 400, functions up to 60. A file that has to be longer says why in its opening comment: `// size: reason`."""
import re

import sources

HEADER, SOURCE, FUNCTION = 150, 400, 60


def violations(root):
    found = []
    for path in sources.files(root):
        source = sources.text(root, path)
        lines = source.count("\n") + (not source.endswith("\n"))
        if re.search(r"^// size: \S.{15,}", "\n".join(source.split("\n")[:30]), re.M):
            continue
        most = HEADER if path.endswith((".hpp", ".cuh")) else SOURCE
        if lines > most:
            found.append(f"{path}: {lines} lines, at most {most}")
        for function in sources.functions(source):
            length = function.last - function.first + 1
            if length > FUNCTION:
                found.append(f"{path}:{function.first}: {length} lines, at most {FUNCTION} ({function.name})")
    return found


BODY = "  f();\n" * 58
CLEAN = {
    "configs/a.hpp": "x\n" * 150,
    "configs/a.cpp": "namespace e {\nclass A {\n void g(int a = 1) {\n" + BODY + " }\n};\n}  // namespace\n" + "// x\n" * 300,
    "configs/b.cpp": "// size: one table, which reads best in one piece\n" + "x\n" * 500,
}
PLANTS = [
    ({"configs/x.hpp": "x\n" * 151}, "151 lines, at most 150"),
    ({"tests/x.cpp": "x\n" * 401}, "401 lines, at most 400"),
    ({"configs/x.cpp": "int g(std::vector<int> v = {}) {\n" + BODY + "  if (x) { '{'; \"{\"; }\n}\n"}, "61 lines, at most 60"),
    ({"configs/x.cpp": "struct S {\n  S(int a) : a_{a}, b_(a) {\n" + BODY + "  while (y) {\n  }\n  }\n};\n"}, "62 lines, at most 60"),
    ({"configs/x.cpp": "// size: short\n" + "x\n" * 400}, "401 lines"),
]
