# SPDX-License-Identifier: Apache-2.0
"""quickstart_corpus.py PACKAGE_FOLDER OUTPUT_FOLDER: real English text out of an unpacked Debian package sword-text-web, one file a chapter.

The package holds the World English Bible, a modern translation in the public domain, as a SWORD zText module: NAME.bzs (or .czs) lists blocks, 12 bytes each
(offset, compressed size, size; little-endian), NAME.bzz the zlib blocks, whose concatenation is OSIS (XML without a root). Stays: the text, paragraphs as
blank lines, verse lines as lines. Goes: tags, foot notes, headings."""
import html
import pathlib
import re
import struct
import sys
import zlib


def module_text(folder):
    parts = []
    for testament in ("ot", "nt"):
        found = sorted(pathlib.Path(folder).rglob(testament + ".[bc]zs"))
        if not found:
            sys.exit(f"{folder} holds no SWORD module ({testament}.bzs)")
        blocks = found[0].read_bytes()
        data = found[0].with_suffix(found[0].suffix[:-1] + "z").read_bytes()
        for offset, size, _ in struct.iter_unpack("<III", blocks):
            parts.append(zlib.decompress(data[offset:offset + size]))
    return b"".join(parts).decode("utf-8")


def plain(osis):
    text = re.sub(r"<(note|title|rdg)\b[^>]*(?<!/)>.*?</\1>", "\0", osis, flags=re.S)
    text = re.sub(r"</?(div|lg|chapter)\b[^>]*>", "\n\n", text)
    text = re.sub(r"<l\b[^>]*\beID=[^>]*>", "", text)
    text = re.sub(r"<(l|lb|item)\b[^>]*>", "\n", text)
    text = html.unescape(re.sub(r"<[^>]*>", "", text))
    text = re.sub(r"\0+(?=\w)", " ", text).replace("\0", "")  # a note may have been all that parted two words
    text = re.sub(r"[ \t]+", " ", text)
    text = re.sub(r" *\n *", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def chapters(osis):
    """The text from each chapter's beginning to the next one's; what stands before the first chapter is left out."""
    starts = [match.start() for match in re.finditer(r"<chapter\b[^>]*\bsID=", osis)]
    return [plain(osis[begin:end]) for begin, end in zip(starts, starts[1:] + [len(osis)])]


def main(package, output):
    output = pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    kept = [text for text in chapters(module_text(package)) if len(text) > 100]
    for number, text in enumerate(kept):
        (output / f"{number:04}.txt").write_text(text + "\n", encoding="utf-8")
    size = sum(len(text.encode("utf-8")) for text in kept)
    print(f"{len(kept)} chapters, {size / 1e6:.1f} MB of text")
    if size < 3_000_000:
        sys.exit("fewer than 3 MB: the package is not the one this script knows")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
