# SPDX-License-Identifier: Apache-2.0
"""One thing a name: no two files of the program define a type of the same name in the same namespace, and no two headers a function of the same name and
parameters. The linker would take either for both without a word: the destructor of one `Failure` for the other's. Nor do two sources of a library have a
helper of the same name in their unnamed namespaces: a dozen of them are compiled as one, and which ones changes with every new source. (Two aliases of one
type may share theirs.)"""
import collections
import re

import sources

TYPE = re.compile(r"\b(?:struct|class|union|enum(?:\s+class)?)\s+(?:\[\[\w+\]\]\s*)?(\w+)(?:\s+final)?\s*(?::[^:].*)?$", re.S)
FUNCTION = re.compile(r"([\w:]+|operator\W+)\s*\((.*)\)[^()]*$", re.S)
ALIAS = re.compile(r"^\s*using\s+(\w+)\s*=\s*(.*)$", re.S)
CONSTANT = re.compile(r"^\s*(?:inline\s+|static\s+|thread_local\s+)*const(?:expr)?\b[^=({]*?(\w+)\s*(?:\[[^\]]*\]\s*)*(?:=|$)", re.S)
NO_FUNCTION = re.compile(r"^\s*(?:using|typedef|static_assert|template|friend|extern|namespace|struct|class|enum|union|return)\b")


UNNAMED = "(unnamed)"
LIBRARIES = re.compile(r"(parallel/plan|parallel/cuda|configs|accounting|parallel|trainer|launch)/")


def declared(source, helpers=False):
    """(line, 'type' or 'function', full name) of what stands directly in named namespaces; with helpers, (line, 'helper', name) of what an unnamed one has."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), sources.bare(source), flags=re.M)
    stack, start = [], 0
    for match in re.finditer(r"[{};]", code):
        head, sign = code[start:match.start()], match.group(0)
        if stack and all(stack) and (UNNAMED in stack) == helpers and sign in "{;":
            line = code.count("\n", 0, match.start() - len(head.lstrip())) + 1
            if helpers:
                yield from ((line, "helper", name) for name in helpers_by(head, sign))
            else:
                yield from ((line, kind, "::".join(stack) + "::" + name) for kind, name in named_by(head, sign))
        if sign == "{":
            space = re.search(r"\bnamespace(\s+[\w:]+)?\s*$", head)
            stack.append("" if not space else (space.group(1) or UNNAMED).strip())  # "": a body
        elif sign == "}" and stack:
            stack.pop()
        start = match.end()


def helpers_by(head, sign):
    if found := ALIAS.search(head):
        yield f"{found.group(1)} = {found.group(2).strip()}"
    elif found := CONSTANT.search(head):
        yield found.group(1)
    else:
        yield from (name for _, name in named_by(head, sign))


def named_by(head, sign):
    if sign == "{" and "<" not in head.split("(")[0] and (found := TYPE.search(head)):
        yield "type", found.group(1)
    elif not NO_FUNCTION.match(head) and "=" not in head.split("(")[0] and (found := FUNCTION.search(head)) and "::" not in found.group(1):
        yield "function", f"{found.group(1)}({', '.join(parameters(found.group(2)))})"


def parameters(text):
    """Types of a parameter list: without names and defaults."""
    parts, depth = [""], 0
    for c in text:
        depth += (c in "<({[") - (c in ">)}]")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    types = [re.sub(r"\s*=.*", "", part, flags=re.S) for part in parts]
    types = [re.sub(r"(?<=[\s&*>])\s*\w+\s*$", "", part.strip()) if re.search(r"[\s&*>]\w+$", part.strip()) else part for part in types]
    return [re.sub(r"\s+", " ", part).strip() for part in types]


def violations(root):
    places = collections.defaultdict(dict)
    for path in sources.files(root, suffixes={".hpp", ".cuh", ".cpp", ".cu"}):
        for line, kind, name in declared(sources.text(root, path)):
            if kind == "type" or path.endswith((".hpp", ".cuh")):
                places[kind, name].setdefault(path, line)
    found = list(shared_helpers(root))
    for (kind, name), at in sorted(places.items()):
        if len(at) > 1 and not all(path.startswith("tests/") for path in at):  # tests that share a name are never linked together
            found.append(f"{' and '.join(f'{path}:{line}' for path, line in at.items())}: the {kind} {name} twice")
    return found


def shared_helpers(root):
    at = collections.defaultdict(dict)  # (library, name without the aliased type) -> path -> (line, name)
    for path in sources.files(root, suffixes={".cpp"}):
        if library := LIBRARIES.match(path):
            for line, _, name in declared(sources.text(root, path), helpers=True):
                at[library.group(1), name.split(" = ")[0]].setdefault(path, (line, name))
    for (_, name), places in sorted(at.items()):
        aliases_of_one = len({whole for _, whole in places.values()}) == 1 and all(" = " in whole for _, whole in places.values())
        if len(places) > 1 and not aliases_of_one:
            yield f"{' and '.join(f'{path}:{line}' for path, (line, _) in places.items())}: the helper {name} twice in a library"


CLEAN = {
    "configs/a.hpp": "namespace ergon {\nstruct A {\n struct Inner {};\n int f(int);\n};\nint f(int x);\nint f(double x);\nclass C;\n}\n",
    "configs/a.cpp": "namespace ergon {\nnamespace {\nstruct B { int x; };\nint f(char);\n}\nint f(int x) { return x; }\n}\n",
    "configs/b.cpp": "namespace ergon {\nnamespace {\nusing J = Json;\nint f(long);\nconstexpr int n = 3;\n}\nint g() { const int n = 4; }\n}\n",
    "configs/d.cpp": "namespace ergon {\nnamespace {\nusing J = Json;\n}\n}\n", "trainer/b.cpp": "namespace ergon {\nnamespace {\nstruct B { int y; };\n}\n}\n",
    "configs/c.hpp": "namespace ergon {\nclass C : public A {\n struct Inner {};\n int f(int);\n};\n}\nnamespace ergon::test {\nstruct A {};\n}\n",
    "tests/a_test.cpp": "namespace ergon {\nstruct T {};\n}\n", "tests/b_test.cpp": "namespace ergon {\nstruct T {};\n}\n",
}
PLANTS = [
    ({"launch/x.hpp": "namespace ergon {\nenum class A { good };\n}\n"}, "the type ergon::A twice"),
    ({"launch/x.cpp": "namespace ergon {\nclass A final : public C { };\n}\n"}, "launch/x.cpp:2: the type ergon::A twice"),
    ({"tests/x.hpp": "namespace ergon {\nstruct A { };\n}\n"}, "the type ergon::A twice"),
    ({"launch/x.hpp": "namespace ergon {\nstd::string f(int number = 3);\n}\n"}, "the function ergon::f(int) twice"),
    ({"launch/x.hpp": "namespace ergon {\ninline int f(double) { return 1; }\n}\n"}, "the function ergon::f(double) twice"),
    ({"configs/x.cpp": "namespace ergon {\nnamespace {\nclass B {};\n}\n}\n"}, "configs/a.cpp:3 and configs/x.cpp:3: the helper B twice in a library"),
    ({"configs/x.cpp": "namespace {\nint f(char c) { return c; }\n}\n"}, "the helper f(char) twice in a library"),
    ({"configs/x.cpp": "namespace {\nconstexpr const char* n[2] = {};\n}\n"}, "the helper n twice in a library"),
    ({"configs/x.cpp": "namespace {\nusing J = Other;\n}\n"}, "the helper J twice in a library"),
]
