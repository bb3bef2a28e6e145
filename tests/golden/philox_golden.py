# SPDX-License-Identifier: Apache-2.0
"""Writes philox.json: Philox4x32-10 written from the paper in plain Python integers, sharing nothing with trainer/kernels/philox.

python3 tests/golden/philox_golden.py > tests/golden/philox.json
"""
import json
import math

MASK32, MASK64 = (1 << 32) - 1, (1 << 64) - 1


def philox(counter, key):
    x, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [(p1 >> 32) ^ x[1] ^ k[0], p1 & MASK32, (p0 >> 32) ^ x[3] ^ k[1], p0 & MASK32]
        k = [(k[0] + 0x9E3779B9) & MASK32, (k[1] + 0xBB67AE85) & MASK32]
    return x


def splitmix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK64
    return x ^ (x >> 31)


def key_of(seed, stream):
    mixed = splitmix((seed + stream * 0xD1B54A32D192ED03) & MASK64)
    return [mixed & MASK32, mixed >> 32]


def fnv1a(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & MASK64
    return h


def normal(seed, name, element):
    h = fnv1a(name)
    w = philox([element & MASK32, element >> 32, h & MASK32, h >> 32], key_of(seed, 0))
    u = ((((w[1] << 32) | w[0]) >> 11) + 1) * 2.0**-53
    v = (((w[3] << 32) | w[2]) >> 11) * 2.0**-53
    return math.sqrt(-2 * math.log(u)) * math.cos(2 * math.pi * v)


assert ["%08x" % w for w in philox([0] * 4, [0] * 2)] == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]

blocks, uniforms, normals = [], [], []
for i in range(12):
    seed, stream = 1 + 7919 * i, i % 6
    counter = [(i * 0x9E3779B1) & MASK32, i, (0xFFFFFFFF - i) & MASK32, i * i]
    blocks.append({"seed": seed, "stream": stream, "key": key_of(seed, stream), "counter": counter, "words": philox(counter, key_of(seed, stream))})
for i in range(10):
    step, layer, site, element = 1 + 1000 * i, i, i % 4, i * 0x123456789
    stream = 1 if site == 0 else 2 if site == 1 else 3
    words = philox([step, layer * 8 + site, element & MASK32, element >> 32], key_of(42, stream))
    uniforms.append({"seed": 42, "stream": stream, "step": step, "layer": layer, "site": site, "element": element, "uniform": (words[0] >> 8) * 2.0**-24})
for i in range(10):
    name, element = "layers.%d.attention.query.weight" % i, i * 0x1FFFFFFF1
    normals.append({"seed": 1 + i, "name": name, "element": element, "normal": normal(1 + i, name, element)})
print(json.dumps({"blocks": blocks, "uniforms": uniforms, "normals": normals}, indent=1))
