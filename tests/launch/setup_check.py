# SPDX-License-Identifier: Apache-2.0
"""launch/setup.sh against a machine made of stubs: a folder first on PATH holds dpkg-query, apt-get, apt-cache, id, sudo and nvidia-smi, which keep a list of what
is installed and log what is asked of them. Nothing of this machine is changed; pip is pointed at a port where nobody answers."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

STUBS = {
    "dpkg-query": 'if [ $# = 3 ] && [ "$3" = \'${db:Status-Abbrev}${Package}\\n\' ]; then sed "s/^/ii /" "$STATE/installed"; exit; fi\n'
                  'grep -qx -- "$4" "$STATE/installed" && printf "ii "',
    "apt-get": 'echo "apt-get $*" >>"$STATE/log"\n'
               'if [ -s "$STATE/failures" ]; then sed -i 1d "$STATE/failures"; echo "no network"; exit 100; fi\n'
               'if [ "$1" = install ]; then for p in "$@"; do case $p in install|-*) ;; *) echo "$p" >>"$STATE/installed";; esac; done; fi',
    "apt-cache": 'for last; do :; done; ! grep -qx -- "$last" "$STATE/unknown"',
    "id": 'cat "$STATE/uid"',
    "sudo": 'exit 1',
    "nvidia-smi": 'exit 1',
}


class Machine:
    def __init__(self, folder, source):
        self.top = pathlib.Path(folder, "a folder with spaces", "ergon")
        self.bin, self.state = pathlib.Path(folder, "bin"), pathlib.Path(folder, "state")
        for made in (self.top / "launch", self.bin, self.state):
            made.mkdir(parents=True)
        shutil.copy(pathlib.Path(source, "launch/setup.sh"), self.top / "launch/setup.sh")
        for name, body in STUBS.items():
            (self.bin / name).write_text(f'#!/bin/bash\nSTATE="{self.state}"\n{body}\n')
            (self.bin / name).chmod(0o755)
        table = re.search(r"^packages='(.*?)'", pathlib.Path(source, "launch/setup.sh").read_text(), re.S | re.M).group(1).split()
        self.packages = [entry.split("|")[0] for entry in table]
        (self.state / "installed").write_text("".join(name + "\n" for name in self.packages))
        for name in ("failures", "unknown", "log"):
            (self.state / name).write_text("")
        (self.state / "uid").write_text("0\n")
        self.torch = pathlib.Path(folder, "torch")
        (self.torch / "lib").mkdir(parents=True)
        (self.torch / "lib/libtorch_cpu.so").write_text("")

    def remove(self, *names):
        kept = [name for name in self.packages if name not in names]
        (self.state / "installed").write_text("".join(name + "\n" for name in kept))

    def run(self, *arguments, **environment):
        settings = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.state), "LANG": "C.UTF-8", "ERGON_TORCH": str(self.torch)}
        settings.update(environment)
        began = time.monotonic()
        result = subprocess.run([self.top / "launch/setup.sh", *arguments], cwd="/", env={k: v for k, v in settings.items() if v is not None},
                                stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return result.returncode, result.stderr + result.stdout, time.monotonic() - began

    def log(self):
        return (self.state / "log").read_text()


def check(condition, *what):
    if not condition:
        print("FAILED:", *what)
        check.failed = True


check.failed = False


def nothing_missing(machine):
    status, text, seconds = machine.run()
    check(status == 0 and "ready" in text, "nothing missing", status, text)
    check(seconds < 2, "nothing missing took", seconds)
    check(machine.log() == "", "apt was asked although nothing is missing:", machine.log())


def as_root(machine):
    machine.remove("g++", "catch2")
    (machine.state / "failures").write_text("first\n")
    status, text, _ = machine.run()
    check(status == 0 and "trying once more" in text, "one failure of the network", status, text)
    check(machine.log().count("apt-get update") == 2, machine.log())
    check(re.search(r"install -y -q --no-install-recommends g\+\+ catch2$", machine.log(), re.M), machine.log())
    (machine.state / "log").write_text("")
    machine.remove("g++")
    (machine.state / "failures").write_text("first\nsecond\n")
    status, text, _ = machine.run()
    check(status == 1 and "failed twice" in text and "no network" in text, "two failures of the network", status, text)


def other_names(machine):
    machine.remove("pkg-config")
    (machine.state / "unknown").write_text("pkg-config\n")
    status, text, _ = machine.run()
    check(status == 0 and "pkgconf" in machine.log(), "the second name of a package", status, text, machine.log())
    check(machine.run()[0] == 0 and machine.log().count("update") == 1, "the second name counts as installed", machine.log())
    machine.remove("ninja-build")
    (machine.state / "unknown").write_text("ninja-build\n")
    status, text, _ = machine.run()
    check(status == 2 and "no package named ninja-build" in text, "an unknown package", status, text)


def as_user(machine):
    machine.remove("cmake", "g++")
    (machine.state / "uid").write_text("1000\n")
    status, text, _ = machine.run()
    check(status == 2, "a user without sudo", status, text)
    check("apt-get update && apt-get install -y --no-install-recommends g++ cmake" in text, "the line to run", text)
    check(machine.log() == "", "apt was run without the right to", machine.log())


def torch_choices(machine):
    status, text, _ = machine.run(ERGON_TORCH="/nowhere")
    check(status == 2 and "/nowhere" in text, "a torch that is not there", status, text)
    status, text, _ = machine.run(ERGON_TORCH=None, ERGON_CUDA="perhaps")
    check(status == 2 and "perhaps" in text, "ERGON_CUDA", status, text)
    status, text, _ = machine.run("--frobnicate")
    check(status == 2 and "--frobnicate" in text, "an unknown argument", status, text)


def broken_download(machine):
    offline = {"ERGON_TORCH": None, "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_DEFAULT_TIMEOUT": "2"}
    status, text, _ = machine.run(**offline)
    check(status == 1 and "pip install failed twice" in text, "a download that fails", status, text)
    text = machine.run("--cuda", **offline)[1]
    check("about 6 GB" in text, "--cuda takes the full set", text)
    left = sorted(path.name for path in machine.top.iterdir())
    check(left == ["launch"], "a failed download left", left)
    for name, done in (("LibTorch 2.11.0, CPU-only set", 0), ("LibTorch 2.11.0, full set", 0), ("LibTorch 2.10.0, CPU-only set", 1)):
        (machine.top / ".venv").mkdir(exist_ok=True)
        (machine.top / ".venv/ergon-set").write_text(name + "\n")
        status, text, _ = machine.run(**{**offline, "ERGON_CUDA": "off"})
        check(status == done, f"with '{name}' in .venv", status, text)
    check((machine.top / ".venv/ergon-set").exists(), "the old set is gone although its successor did not arrive")


def main(source):
    for scenario in (nothing_missing, as_root, other_names, as_user, torch_choices, broken_download):
        with tempfile.TemporaryDirectory() as folder:
            scenario(Machine(folder, source))
        print(scenario.__name__, "done")
    return 1 if check.failed else 0


sys.exit(main(sys.argv[1]))
