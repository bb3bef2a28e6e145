# SPDX-License-Identifier: Apache-2.0
"""Scripts that run with pinned packages in a virtual environment of their own, which the first time is downloaded."""
import os
import pathlib
import shutil
import subprocess
import sys

SOURCE = pathlib.Path(os.environ["ERGON_SOURCE"])


def fetch(environment, requirements):
    """The end of what pip says where it cannot; None when the packages are there."""
    mark = environment / "complete"
    if mark.exists() and mark.read_text() == requirements.read_text():
        return None
    shutil.rmtree(environment, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    done = subprocess.run([environment / "bin/python", "-m", "pip", "install", "--quiet", "--no-input", "-r", requirements], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        return done.stdout.strip().splitlines()[-1:]
    mark.write_text(requirements.read_text())
    return None


def run_in(name, requirements, script, without):
    """Goes on only inside .venv-NAME, where it starts `script` again; without(reason) is called, and must not return, where the packages cannot be fetched."""
    environment = SOURCE / f".venv-{name}"
    if sys.prefix.startswith(str(environment)):
        return
    reason = fetch(environment, SOURCE / "tests/interop" / requirements)
    if reason is not None:
        without(reason)
    python = str(environment / "bin/python")
    os.execv(python, [python, "-B", script])
