# SPDX-License-Identifier: Apache-2.0
"""Texts for tests of tokenizers: every plane of Unicode, unassigned code points too, and what patterns that split text stumble over."""
import random

SURROGATES = range(0xD800, 0xE000)
BLOCKS = [(0x20, 0x7E)] * 6 + [(0, 0x7F), (0x80, 0x24F), (0x250, 0x52F), (0x530, 0x8FF), (0x900, 0x1CFF), (0x1D00, 0x2BFF), (0x2000, 0x206F), (0x2C00, 0x33FF),
                               (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xA000, 0xABFF), (0xAC00, 0xD7A3), (0xE000, 0xFFFF), (0x10000, 0x10FFF), (0x11000, 0x16FFF),
                               (0x1B000, 0x1F000), (0x1F000, 0x1FAFF), (0x1FB00, 0x2FA1F), (0x30000, 0x3FFFF), (0x40000, 0xDFFFF), (0xE0000, 0xE01FF), (0xF0000, 0x10FFFF)]
BITS = ["'s", "'S", "'t", "'re", "'VE", "'ll", "'LL", "'D", "'\u017f", " ", "  ", "   ", "\n", "\r\n", "\n\n", " \n", "\t", "\u00a0", "\u3000", "\u2028", "\u0085", "\u180e",
        "1", "12", "123", "1234", "\u0661\u0662", "\u00bd", "\u2167", "Hello", " world", "the", "The", "THE", "caf\u00e9", "Caf\u00e9", "e\u0301", "\u4f60\u597d", "\u3042\u30a2",
        "\u0928\u092e\u0938\u094d\u0924\u0947", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "<|endoftext|>", "<EOT>", "<s>", "</s>", "<0x41>", "\u2581", "//", "/", "...", "!!!", "_",
        "\ufb01", "\ufb01x", "fix", "\u2460", "\u1e9b\u0323", "\uac00", "\u1100\u1161\u11a8", "a" * 40, " " * 30, "=-" * 20, "x=1;\n    return", ".", ",", "\u0301", "\u0345",
        "\u0300\u0316", "\u07fd\u0345", "\u11935\u0930", "<think>", "<think>>", "<thin", "[left]", "[right]", "[both]", "end", "\ufdfa", "\u32ff"]
WORDS = ("the of and work done by a machine is counted in operations every one them has price tokenizer pieces words that often stand together text caf\u00e9 "
         "na\u00efve stra\u00dfe \u043c\u0438\u0440 \u0434\u043e\u043c \u03bb\u03cc\u03b3\u03bf\u03c2 \u4f60\u597d \u65e5\u672c\u8a9e \u0928\u092e\u0938\u094d\u0924\u0947 don't we're it's I'll 2024 17 3.14 end "
         "return value if else").split()


def character(generator, first, last):
    while True:
        c = generator.randint(first, last)
        if c not in SURROGATES:
            return chr(c)


def texts(count, seed):
    generator = random.Random(seed)
    result = []
    for _ in range(count):
        text = ""
        for _ in range(generator.randint(1, 13)):
            kind = generator.random()
            if kind < 0.5:
                text += generator.choice(BITS)
            elif kind < 0.6:
                text += character(generator, 0, 0x10FFFF)
            else:
                first, last = generator.choice(BLOCKS)
                text += "".join(character(generator, first, last) for _ in range(generator.randint(1, 6)))
        result.append(text)
    return result


def every_code_point(stride=97):
    """Every code point once, in texts of `stride` of them."""
    points = [chr(c) for c in range(0x110000) if c not in SURROGATES]
    return ["".join(points[i:i + stride]) for i in range(0, len(points), stride)]


def every_neighbour(step=1):
    """Each step-th code point beside letters, digits, spaces, quotes and line ends, where it decides what belongs together."""
    return ["a{0}1{0} {0}'s{0}\n{0} {0}{0}".format(chr(c)) for c in range(0, 0x110000, step) if c not in SURROGATES]


def prose(lines, seed):
    generator = random.Random(seed)
    return [" ".join(generator.choice(WORDS) for _ in range(generator.randint(5, 15))) + generator.choice([".", "!", "?", ",", ";"]) for _ in range(lines)]


def byte_alphabet():
    """GPT-2's character for each byte."""
    kept = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in kept]
    return {**{b: chr(b) for b in kept}, **{b: chr(0x100 + i) for i, b in enumerate(rest)}}
