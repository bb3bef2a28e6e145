# SPDX-License-Identifier: Apache-2.0
"""The table `Bugs that others had` in tests/README.md: each row names tests and mutations that exist, or says why its bug cannot occur here. So does each row of the tables of exit
codes and signals in launch/README.md whose last column is `provoked by`. A test is named as `path_test.cpp` "start of its name", from tests/ on; just one test case of that file begins so."""
import pathlib
import re

TITLE = "## Bugs that others had\n"
TEST = re.compile(r'`([\w/]+_test\.(?:cpp|py))` ((?:"[^"]+"(?:, )?)+)')
MUTATION = re.compile(r"mutation `(\w+)`")
WHY_NOT = "cannot occur: "


def violations(root):
    root = pathlib.Path(root)
    readme = (root / "tests/README.md").read_text(encoding="utf-8")
    if TITLE not in readme:
        return ["tests/README.md: no table of bugs that others had"]
    found = provoked(root)
    section = readme.split(TITLE)[1].split("\n## ")[0]
    for row in re.findall(r"^\| \d.*$", section, re.M):
        number, guard = row.split("|")[1].strip(), row.split("|")[-2].strip()
        tests, mutations = TEST.findall(guard), MUTATION.findall(guard)
        if not tests and not mutations and not guard.startswith(WHY_NOT):
            found.append(f"tests/README.md: bug {number}: no test, and no word why it cannot occur")
        for file, names in tests:
            for name in re.findall(r'"([^"]+)"', names):
                found += [f"tests/README.md: bug {number}: {problem}" for problem in missing(root / "tests" / file, name)]
        found += [f"tests/README.md: bug {number}: no mutation {name}" for name in mutations if not declared(root, name)]
    return found


def provoked(root):
    """Rows of tables under a head that ends with `provoked by |`."""
    text = (root / "launch/README.md").read_text(encoding="utf-8")
    tables = re.findall(r"^\|.*\| provoked by \|\n\|[-|]+\|\n((?:\|.*\n)*)", text, re.M)
    found = [] if len(tables) == 2 else [f"launch/README.md: {len(tables)} tables say what provokes their rows, not those of exit codes and of signals"]
    for row in "".join(tables).splitlines():
        name = " ".join(cell.strip() for cell in row.split("|")[1:3])
        tests = TEST.findall(row.split("|")[-2])
        found += [] if tests else [f"launch/README.md: {name}: no test"]
        for file, names in tests:
            for test in re.findall(r'"([^"]+)"', names):
                found += [f"launch/README.md: {name}: {problem}" for problem in missing(root / "tests" / file, test)]
    return found


def missing(file, name):
    if not file.is_file():
        return [f"no file {file.name}"]
    pattern = rf'^TEST_CASE\("{re.escape(name)}' if file.suffix == ".cpp" else rf"^ +def {re.escape(name)}"
    count = len(re.findall(pattern, file.read_text(encoding="utf-8"), re.M))
    return [] if count == 1 else [f'{count} tests begin with "{name}" in {file.name}']


def declared(root, name):
    return (root / f"tests/mutations/{name}.patch").is_file() and f"ergon_mutation({name} " in (root / "tests/mutations/CMakeLists.txt").read_text()


ROW = "| 1 | a bug | somebody | {} |\n"


def table(guard):
    return "# tests\n" + TITLE + "| # | bug | seen in | guarded by |\n|---|---|---|---|\n" + ROW.format(guard) + "\n## More\n| 2 | no row | of | it |\n"


def codes(guard):
    head = "| code | shown | provoked by |\n|---|---|---|\n"
    return f"# launch\n{head}| 0 | 0 | {guard} |\n\n{head}| USR1 | 85 | `e2e/b_test.py` \"test_b\" |\n"


CLEAN = {
    "launch/README.md": codes('`e2e/b_test.py` "test_b"'),
    "tests/README.md": table('`parallel/a_test.cpp` "ring: back", "ring: forth", `e2e/b_test.py` "test_b", mutation `m`'),
    "tests/parallel/a_test.cpp": 'TEST_CASE("ring: back and on") {}\nTEST_CASE("ring: forth") {}\n',
    "tests/e2e/b_test.py": "class B:\n    def test_b(self):\n        pass\n",
    "tests/mutations/m.patch": "", "tests/mutations/CMakeLists.txt": "ergon_mutation(m FILE x)\n",
}
PLANTS = [
    ({"launch/README.md": "# launch\n"}, "0 tables"),
    ({"launch/README.md": codes("somebody")}, "launch/README.md: 0 0: no test"),
    ({"launch/README.md": codes('`e2e/b_test.py` "test_x"')}, '0 tests begin with "test_x"'),
    ({"tests/README.md": "# tests\n"}, "no table"),
    ({"tests/README.md": table("somewhere")}, "bug 1: no test"),
    ({"tests/README.md": table('`parallel/c_test.cpp` "ring: back"')}, "no file c_test.cpp"),
    ({"tests/README.md": table('`parallel/a_test.cpp` "ring: back", "ring: sideways"')}, '0 tests begin with "ring: sideways"'),
    ({"tests/README.md": table('`parallel/a_test.cpp` "ring: "')}, "2 tests begin"),
    ({"tests/README.md": table('`e2e/b_test.py` "test_c"')}, "0 tests begin"),
    ({"tests/README.md": table("mutation `n`")}, "no mutation n"),
]
