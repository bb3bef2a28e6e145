# SPDX-License-Identifier: Apache-2.0
"""The last line of tests/run.sh and its exit status, from JUnit files as ctest writes them."""
import pathlib
import subprocess
import sys
import tempfile

CASE = '<testcase name="{0}" status="{1}"><system-out>{2}</system-out></testcase>'


def summary(root, *cases, again=()):
    """What is said of `cases` of the label unit, and of `again` in the build of the sanitizers."""
    with tempfile.TemporaryDirectory() as folder:
        for name, some in (("unit", cases), ("sanitize", again)):
            body = "".join(CASE.format(*case) for case in some)
            pathlib.Path(folder, name + ".xml").write_text(f'<?xml version="1.0"?><testsuite>{body}</testsuite>')
        result = subprocess.run([sys.executable, "-B", f"{root}/tests/support/summary.py", folder], capture_output=True, text=True)
    return result.returncode, result.stdout.strip().split("\n")


def main(root):
    skip = "skipped: "
    checks = [
        (summary(root, ("a", "run", ""), ("b", "run", "")), (0, ["2 passed, 0 failed, 0 skipped"])),
        (summary(root, ("a", "run", ""), ("b", "fail", "")), (1, ["FAILED: b", "1 passed, 1 failed, 0 skipped"])),
        (summary(root, ("a", "run", f"x\n{skip}no GPU\ny"), ("b", "notrun", f"{skip}no h5py")),
         (0, [f"{skip}a: no GPU", f"{skip}b: no h5py", "1 passed, 0 failed, 2 skipped"])),
        (summary(root, ("a", "run", ""), ("b", "notrun", "")), (0, [f"{skip}b: no reason given", "1 passed, 0 failed, 1 skipped"])),
        (summary(root, ("a", "run", ""), again=(("a", "run", ""), ("b", "fail", ""))),
         (1, ["FAILED: sanitize/b", "2 passed, 1 failed, 0 skipped"])),
        (summary(root), (1, ["0 passed, 0 failed, 0 skipped"])),
    ]
    wrong = [f"expected {expected}, got {got}" for got, expected in checks if got != expected]
    print(len(checks), "summaries,", len(wrong), "wrong", *wrong, sep="\n")
    return 1 if wrong else 0


sys.exit(main(sys.argv[1]))
