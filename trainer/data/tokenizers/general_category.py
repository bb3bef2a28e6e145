# SPDX-License-Identifier: Apache-2.0
"""Makes the table of general_category.cpp anew: general_category.py FILE, in a Python with `tiktoken` and `tokenizers`.

The table is asked of the references themselves, a category at a time over every code point, and the two must agree: then patterns mean here what they mean
there, whatever Unicode the distribution's PCRE2 knows.
"""
import re
import sys

import tiktoken
import tokenizers

CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn".split()
SURROGATES = range(0xD800, 0xE000)
WIDTH = 138


def members(category, text):
    pattern = rf"\p{{{category}}}+"
    encoding = tiktoken.Encoding("probe", pat_str=pattern, mergeable_ranks={bytes([i]): i for i in range(256)}, special_tokens={})
    one = set(map(ord, encoding.decode(encoding.encode_ordinary(text))))
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern), "removed", invert=True)
    other = {ord(c) for piece, _ in split.pre_tokenize_str(text) for c in piece}
    if one != other:
        raise SystemExit(f"tiktoken and tokenizers differ in {category}: {sorted(map(hex, one ^ other))[:10]}")
    return one


def main(path):
    text = "".join(chr(c) for c in range(0x110000) if c not in SURROGATES)
    table = [CATEGORIES.index("Cn")] * 0x110000
    for index, category in enumerate(CATEGORIES):
        for c in members(category, text):
            table[c] = index
    runs, start = [], 0
    for c in range(1, 0x110001):
        if c == 0x110000 or table[c] != table[start]:
            runs.append((c - start) * 32 + table[start])
            start = c
    lines, line = [], "   "
    for run in runs:
        if len(line) + len(str(run)) + 2 > WIDTH:
            lines.append(line)
            line = "   "
        line += f" {run},"
    lines.append(line)
    with open(path, encoding="utf-8") as file:
        source = file.read()
    source = re.sub(r"(// clang-format off\n.*?\{\n).*?(\};\n// clang-format on)", lambda m: m[1] + "\n".join(lines) + "\n" + m[2], source, flags=re.S)
    with open(path, "w", encoding="utf-8") as file:
        file.write(source)


main(sys.argv[1])
