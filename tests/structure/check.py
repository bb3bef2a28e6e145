# SPDX-License-Identifier: Apache-2.0
"""check.py RULE ROOT: runs one structure test on the tree at ROOT.

A rule is a module with `violations(root) -> [text]` and `PLANTS = [({path: content}, part of the message)]`. First every plant is written into a tree of its
own and must be reported (and a tree with the module's CLEAN files must not), so that a rule that has gone blind fails; then the real tree is read."""
import importlib
import pathlib
import sys
import tempfile


def plant(rule, files):
    with tempfile.TemporaryDirectory() as folder:
        for path, content in files.items():
            target = pathlib.Path(folder) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        return rule.violations(folder)


def main(name, root):
    rule = importlib.import_module(name)
    blind = []
    for files, expected in rule.PLANTS:
        reported = plant(rule, {**rule.CLEAN, **files})
        if not any(expected in line for line in reported):
            blind.append(f"planted {list(files)}: expected '{expected}', reported {reported}")
    reported = plant(rule, rule.CLEAN)
    if reported:
        blind.append(f"a clean tree is reported: {reported}")
    if blind:
        print(f"the rule '{name}' does not see what it is for:", *blind, sep="\n  ")
        return 1
    found = rule.violations(root)
    for line in found:
        print(line)
    print(f"{name}: {len(rule.PLANTS)} planted violations seen, {len(found)} in the tree")
    return 1 if found else 0


sys.exit(main(sys.argv[1], sys.argv[2]))
