# SPDX-License-Identifier: Apache-2.0
"""The table of exit codes of launch/README.md, row by row: what provokes each on two ranks, whatever starts them, and each rank's own status."""
import os

from harness import BINARY

# By the program itself, or by fault_probe, whose rank 1 fails as planned.
LINES = {85: (), 86: (), 0: ("train.steps=4",), 2: ("modle.layers=3",), 3: ("data.train=missing.h5",), 4: ("mesh.dp=4",), 87: ("accounting.budget=1",)}
PLANNED = {5: "hang", 70: "bug"}
# A shell around each rank writes down how its rank ended, whatever the launcher makes of that. It outlives what its rank is sent.
SEEN = '#!/bin/sh\ntrap "" TERM USR1\nrow=$1\nshift\n"$@"\ncode=$?\necho $code > "seen.$row.${OMPI_COMM_WORLD_RANK:-$PMIX_RANK}"\nexit $code\n'


def folder_of(code):
    return f"row{code}"


def words(case, code):
    """What each of the two ranks runs."""
    wrapper = case.folder / "seen.sh"
    wrapper.write_text(SEEN)
    wrapper.chmod(0o755)
    keys = ["run.toml", f"run.folder={folder_of(code)}", "train.steps=100000", "train.evaluate_every=0", "mesh.dp=2"]
    if code in PLANNED:
        line = [os.environ["ERGON_PROBE"], "1", "agreement", "6", PLANNED[code], *keys, "watchdog.step=4"]
    else:
        line = [BINARY, "train", *keys, *LINES[code]]
    return ["./seen.sh", str(code), *line]


def assert_agreed(case, code):
    """Both ranks have ended with the code of the row, and result.json says it where one is written."""
    case.assertEqual([(case.folder / f"seen.{code}.{rank}").read_text() for rank in (0, 1)], [f"{code}\n"] * 2)
    result = case.folder / folder_of(code) / "result.json"
    case.assertEqual(result.exists(), code in (0, 85, 86, 87))
    if result.exists():
        case.assertEqual(case.result(folder_of(code))["code"], code)
