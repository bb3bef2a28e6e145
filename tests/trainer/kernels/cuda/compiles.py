# SPDX-License-Identifier: Apache-2.0
"""nvcc compiles every kernel source for sm_80, sm_90 and sm_100, warnings as errors. Exit 77 with the reason where there is no nvcc."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ARCHITECTURES = ("80", "90", "100")


def main(root):
    nvcc = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
    if nvcc is None:
        print("skipped: no nvcc on PATH or in /usr/local/cuda/bin")
        return 77
    sources = sorted(pathlib.Path(root, "trainer/kernels/cuda").glob("*.cu"))
    if not sources:
        print("no kernel sources found")
        return 1
    targets = [flag for a in ARCHITECTURES for flag in ("-gencode", f"arch=compute_{a},code=sm_{a}")]
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for source in sources:
            command = [nvcc, "-std=c++20", "-O3", *targets, "-Werror", "all-warnings", "-Xcompiler", "-fPIC,-Wall", "-I", root, "-c", str(source),
                       "-o", os.path.join(folder, source.stem + ".o")]
            done = subprocess.run(command, capture_output=True, text=True)
            print(f"{source.name}: {'compiled' if done.returncode == 0 else 'FAILED'}", flush=True)
            if done.returncode != 0:
                print(done.stdout + done.stderr)
                failed.append(source.name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
