# SPDX-License-Identifier: Apache-2.0
"""What the structure tests know about the tree: which files there are, what they say without comments and strings, where their functions begin and end."""
import dataclasses
import pathlib
import re

ROOMS = ("configs", "accounting", "parallel", "trainer", "launch", "tests")
CODE = {".hpp", ".cpp", ".cu", ".cuh"}


def files(root, rooms=ROOMS, suffixes=CODE):
    """Sorted paths below `rooms`, relative to `root`, as posix strings."""
    root = pathlib.Path(root)
    found = []
    for room in rooms:
        for path in (root / room).rglob("*"):
            if path.is_file() and path.suffix in suffixes and "__pycache__" not in path.parts:
                found.append(path.relative_to(root).as_posix())
    return sorted(found)


def text(root, path):
    return (pathlib.Path(root) / path).read_text(encoding="utf-8", errors="surrogateescape")


TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^\s()\\]{0,16})\((?:.*?)\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|'
    r"(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'", re.S)


def bare(source, keep_strings=False):
    """The source with comments blanked, and strings too unless kept; line numbers stay as they are."""

    def blank(match):
        token = match.group(0)
        if token.startswith(("//", "/*")):
            return re.sub(r"[^\n]", " ", token)
        if keep_strings:
            return token
        return '"' + re.sub(r"[^\n]", " ", token[1:-1]) + '"'

    return TOKEN.sub(blank, source)


@dataclasses.dataclass
class Function:
    name: str
    first: int  # line numbers, from 1, both inclusive
    last: int


CONTAINER = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")


def functions(source):
    """The functions of a source by its braces: a block opened outside every function whose head has a parenthesis. Lambdas count to where they stand."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), bare(source), flags=re.M)
    found, stack, head_start, open_parentheses = [], [], 0, 0
    for match in re.finditer(r"[{}();]", code):
        position, sign = match.start(), match.group(0)
        between = not stack or stack[-1] == "container"  # functions
        if sign in "()":
            open_parentheses += between * (1 if sign == "(" else -1)
        elif sign == "{" and between and open_parentheses > 0:
            stack.append("argument")  # a default argument: the head goes on behind it
        elif sign == "{":
            head = code[head_start:position]
            if not between:
                stack.append("inner")
            elif CONTAINER.search(head.split("(")[0]):
                stack.append("container")
            elif "(" in head:
                start = head_start + len(head) - len(head.lstrip())
                stack.append((re.sub(r"\s+", " ", source[head_start:position].strip())[:80], code.count("\n", 0, start) + 1))
            else:
                stack.append("inner")
            head_start = position + 1
        elif sign == "}":
            top = stack.pop() if stack else "inner"
            if isinstance(top, tuple):
                found.append(Function(top[0], top[1], code.count("\n", 0, position) + 1))
            if top != "argument":
                head_start = position + 1
                open_parentheses = 0
        elif between and open_parentheses == 0:
            head_start = position + 1
    return found


INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def includes(source):
    """(line, '<' or '"', name) of every include that is not commented out."""
    code = bare(source, keep_strings=True)
    return [(code.count("\n", 0, m.start()) + 1, m.group(1), m.group(2)) for m in INCLUDE.finditer(code)]
