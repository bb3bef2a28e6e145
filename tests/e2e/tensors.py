# SPDX-License-Identifier: Apache-2.0
"""Reads the tensors of a checkpoint by its index.json, as trainer/checkpoint/FORMAT.md says; with no part of Ergon, nor HDF5."""
import array
import json
import math

CODES = {"float64": "d", "float32": "f", "int64": "q"}


def read_tensors(folder):
    """name -> (shape, all elements in row-major order)"""
    tensors = {}
    for tensor in json.loads((folder / "index.json").read_text())["tensors"]:
        code = CODES[tensor["dtype"]]
        whole = array.array(code, bytes(math.prod(tensor["shape"]) * array.array(code).itemsize))
        covered = sum(place(whole, tensor["shape"], piece, read_piece(folder, code, piece)) for piece in tensor["pieces"])
        if covered != len(whole):
            raise ValueError(f"{folder}: {tensor['name']}: pieces of {covered} of {len(whole)} elements")
        tensors[tensor["name"]] = (tensor["shape"], whole)
    return tensors


def read_piece(folder, code, piece):
    with open(folder / piece["file"], "rb") as file:
        file.seek(piece["offset"])
        return array.array(code, file.read(piece["bytes"]))


def place(whole, shape, piece, values):
    """Puts a range of a box, read row by row, where it belongs; returns its length."""
    offset, extent = piece["box"]["offset"], piece["box"]["extent"]
    begin, end = piece["range"]
    at = begin
    while at < end:
        row, column = divmod(at, extent[-1])
        count = min(end - at, extent[-1] - column)
        to, stride = offset[-1] + column, shape[-1]
        for dim in range(len(shape) - 2, -1, -1):
            row, index = divmod(row, extent[dim])
            to += (offset[dim] + index) * stride
            stride *= shape[dim]
        whole[to:to + count] = values[at - begin:at - begin + count]
        at += count
    return end - begin
