"""Weights and images that Python and Rust draw alike: SplitMix64, seeded by FNV-1a of a name."""

import numpy as np
import torch

GAMMA = np.uint64(0x9E3779B97F4A7C15)


def fnv(name):
    h = 0xCBF29CE484222325
    for b in name.encode():
        h = ((h ^ b) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def unit(name, count):
    """`count` values in [0, 1) for a name: the stream of Rng::new(fnv(name)).unit()."""
    with np.errstate(over="ignore"):
        z = np.arange(1, count + 1, dtype=np.uint64) * GAMMA + np.uint64(fnv(name))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)


def draw(name, shape):
    u = unit(name, int(np.prod(shape)))
    kind = name.rsplit(".", 1)[1]
    if kind == "weight" and len(shape) > 1:
        bound = np.float32(np.sqrt(4.5 / np.prod(shape[1:])))
        values = (u * 2 - 1) * bound
    elif kind in ("weight", "running_var"):
        values = u + np.float32(0.5)
    else:
        values = (u * 2 - 1) * np.float32(0.1)
    return torch.from_numpy(values.reshape(shape))
