"""Makes training.json: one training step of the published ResNet-50, computed by PyTorch.

Weights and images are drawn as in make.py. The file holds, in double precision, the loss of a batch of
four with the statistics of the batch, for every parameter the norm of its gradient and the gradient's
first values, and for every running statistic the sum and the first values that the step leaves; and how
far PyTorch's own single precision is from that.

    pip install torch torchvision numpy
    python make_training.py > training.json
"""

import json
import sys

import torch
import torchvision

from drawn import draw, unit

SIZE, BATCH, FIRST = 64, 4, 3
LABELS = torch.tensor([0, 2, 4, 1])


def step(dtype):
    """Loss, gradients (norm and first values) and running statistics (sum and first values)."""
    model = torchvision.models.resnet50(num_classes=8)
    state = model.state_dict()
    weights = {k: draw(k, tuple(v.shape)) for k, v in state.items() if "num_batches" not in k}
    model.load_state_dict({**state, **weights})
    model.train().to(dtype)
    images = unit("images", BATCH * 3 * SIZE * SIZE) * 2 - 1
    images = torch.from_numpy(images.reshape(BATCH, 3, SIZE, SIZE)).to(dtype)
    loss = torch.nn.functional.cross_entropy(model(images), LABELS)
    loss.backward()

    def first(values):
        return [float(f"{v:.9g}") for v in values.flatten()[:FIRST].tolist()]

    gradients = {k: [float(p.grad.norm()), *first(p.grad)] for k, p in model.named_parameters()}
    running = {k: [float(b.sum()), *first(b)] for k, b in model.named_buffers() if "running" in k}
    return float(loss.detach()), gradients, running


def apart(a, b):
    """The largest difference as a share of the largest value of the same name."""
    pairs = ((a[k], b[k]) for k in a)
    return max(
        max(abs(x - y) for x, y in zip(p, q)) / max(1e-3, *(abs(y) for y in q)) for p, q in pairs
    )


def main():
    torch.set_num_threads(1)
    loss, gradients, running = step(torch.float64)
    _, short_gradients, short_running = step(torch.float32)
    out = {
        "made_with": {"torch": torch.__version__, "torchvision": torchvision.__version__},
        "size": SIZE,
        "labels": LABELS.tolist(),
        "loss": loss,
        "gradients": gradients,
        "running": running,
        "rounding": [apart(short_gradients, gradients), apart(short_running, running)],
    }
    json.dump(out, sys.stdout, indent=0)


if __name__ == "__main__":
    main()
