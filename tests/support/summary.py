# SPDX-License-Identifier: Apache-2.0
"""Adds up the JUnit files that ctest wrote in a folder: every reason for skipping, every failed test, then `N passed, N failed, N skipped`.

A test that runs is one CTest entry. Skipped are entries that exit with 77 and, inside entries that went on, each printed line `skipped: reason`.
Exit status 1 when a test failed or none ran."""
import pathlib
import re
import sys
import xml.etree.ElementTree as tree


def main(folder):
    passed, failed, skipped = set(), set(), []
    for file in sorted(pathlib.Path(folder).glob("*.xml")):
        for case in tree.parse(file).iter("testcase"):
            name = ("sanitize/" if file.stem == "sanitize" else "") + case.get("name")  # the label unit once more, in another build
            output = case.findtext("system-out") or ""
            reasons = re.findall(r"^\s*skipped: (.*)$", output, re.M)
            if case.get("status") == "run":
                passed.add(name)
            elif case.get("status") == "fail":
                failed.add(name)
            elif not reasons:
                reasons = ["no reason given"]
            skipped += [f"{name}: {reason.strip()}" for reason in reasons]
    skipped = sorted(set(skipped))
    for line in skipped:
        print("skipped:", line)
    for name in sorted(failed):
        print("FAILED:", name)
    print(f"{len(passed - failed)} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or not passed else 0


sys.exit(main(sys.argv[1]))
