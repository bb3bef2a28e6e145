# SPDX-License-Identifier: Apache-2.0
"""The PyTorch side of `ergon bench checkpoint --against pytorch`: as many numbers saved and loaded by torch.save and by torch.distributed.checkpoint, each
synced to the disk and read back from it; seconds as one line of JSON."""
import json
import os
import shutil
import sys
import time

import torch
import torch.distributed.checkpoint as distributed

question = json.loads(sys.argv[1])
torch.set_num_threads(question["threads"])
folder = question["folder"]
state = {f"tensor{number}": torch.zeros(elements) + number for number, elements in enumerate(question["elements"])}


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def forget(path):
    for where, _, names in os.walk(path):
        for name in names:
            with open(os.path.join(where, name), "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def save():
    with open(f"{folder}/one.pt", "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())


os.makedirs(folder)
try:
    answer = {"torch_save": timed(save)}
    forget(folder)
    answer["torch_load"] = timed(lambda: torch.load(f"{folder}/one.pt", weights_only=True))
    os.unlink(f"{folder}/one.pt")
    answer["distributed_save"] = timed(lambda: distributed.save(state, storage_writer=distributed.FileSystemWriter(f"{folder}/many", sync_files=True), no_dist=True))
    forget(folder)
    answer["distributed_load"] = timed(lambda: distributed.load(state, checkpoint_id=f"{folder}/many", no_dist=True))
    print(json.dumps(answer))
finally:
    shutil.rmtree(folder)
