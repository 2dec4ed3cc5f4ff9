"""Makes training.json: one training step of the published ResNet-50, computed by PyTorch.

Weights and images are drawn as in make.py. The file holds the loss of a batch of four with the
statistics of the batch, for every parameter the norm of its gradient and the gradient's first values,
and for every running statistic the sum and the first values that the step leaves.

    pip install torch torchvision numpy
    python make_training.py > training.json
"""

import json
import sys

import numpy as np
import torch
import torchvision

from drawn import draw, unit

SIZE, BATCH, FIRST = 64, 4, 3


def main():
    torch.set_num_threads(1)
    model = torchvision.models.resnet50(num_classes=8)
    state = model.state_dict()
    weights = {k: draw(k, tuple(v.shape)) for k, v in state.items() if "num_batches" not in k}
    model.load_state_dict({**state, **weights})
    model.train()
    count = BATCH * 3 * SIZE * SIZE
    images = torch.from_numpy((unit("images", count) * 2 - 1).reshape(BATCH, 3, SIZE, SIZE))
    labels = torch.arange(BATCH) * 2 % 5
    loss = torch.nn.functional.cross_entropy(model(images), labels)
    loss.backward()

    def first(values):
        return [float(f"{v:.7g}") for v in values.flatten()[:FIRST].tolist()]

    gradients = {k: [float(p.grad.norm()), *first(p.grad)] for k, p in model.named_parameters()}
    running = {k: [float(b.sum()), *first(b)] for k, b in model.named_buffers() if "running" in k}
    out = {
        "made_with": {"torch": torch.__version__, "torchvision": torchvision.__version__},
        "size": SIZE,
        "labels": labels.tolist(),
        "loss": float(loss.detach()),
        "gradients": gradients,
        "running": running,
    }
    json.dump(out, sys.stdout, indent=0)


if __name__ == "__main__":
    main()
